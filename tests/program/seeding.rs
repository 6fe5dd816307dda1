//! `telecom-crm seed` makes an office that shows everything.

use super::{Place, program};

#[program]
async fn generated_data_have_every_state_of_everything(place: &Place) {
    let made = place.run(&["seed", "--customers", "300"], &[]).expect(0);
    assert!(made.out.contains("300 customers, "), "{made:?}");
    for (what, sql, wanted) in [
        ("subscribers", "SELECT DISTINCT status FROM customers", "active archived blocked suspended"),
        ("kinds of subscribers", "SELECT DISTINCT customer_type FROM customers", "individual organization"),
        ("contracts", "SELECT DISTINCT status FROM contracts", "active draft suspended terminated"),
        (
            "holds",
            "SELECT DISTINCT reason FROM contract_holds WHERE lifted_at IS NULL",
            "customer debt fraud no_sim request",
        ),
        ("cards", "SELECT DISTINCT status FROM sims", "active blocked closed free suspended"),
        (
            "numbers",
            "SELECT DISTINCT status FROM numbers",
            "assigned available ported_out quarantined reserved",
        ),
        ("payments", "SELECT DISTINCT status FROM payments", "cancelled failed pending success"),
        (
            "transactions",
            "SELECT DISTINCT transaction_type FROM payments",
            "charge correction payment refund",
        ),
        ("tickets", "SELECT DISTINCT status FROM tickets", "closed in_progress new resolved waiting"),
        ("options", "SELECT code FROM options", "more-data more-minutes roaming-day static-address"),
    ] {
        let mut found = place.texts(sql).await;
        found.sort();
        assert_eq!(found.join(" "), wanted, "{what}");
    }
    let lines = "SELECT CAST(MAX(lines) AS TEXT) FROM (SELECT COUNT(*) AS lines FROM contracts GROUP BY customer_id) AS counted";
    assert_eq!(place.texts(lines).await, ["25"]);
    place.run(&["verify"], &[]).expect(0);
    // what was made can be worked with
    place.run(&["billing", "run"], &[]).expect(0);
    place.run(&["verify"], &[]).expect(0);
    let again = place.run(&["seed", "--customers", "1"], &[]).expect(1);
    assert!(again.err.contains("holds data already"), "{again:?}");
}

#[program]
async fn it_is_possible_in_every_country(place: &Place) {
    if place.engine() == crate::harness::Engine::Postgres {
        // there is one database; the values are those of the other engine
        return;
    }
    for country in kernel::country::Country::ALL {
        let url = format!("sqlite://{country}.db");
        let set = [("COUNTRY", country.as_str()), ("DATABASE_URL", url.as_str())];
        place.run(&["seed", "--customers", "40"], &set).expect(0);
        place.run(&["verify"], &set).expect(0);
    }
}
