//! Phone numbers: every action in every state, and states that expire.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{App, Client, Reply, id, scenario, sim, unique};

/// Every state, with the status in the response.
const STATES: [(&str, &str); 8] = [
    ("available", "available"),
    ("on a card", "available"),
    ("reserved", "reserved"),
    ("reserved on a card", "reserved"),
    ("assigned", "assigned"),
    ("without its card", "assigned"),
    ("quarantined", "quarantined"),
    ("ported out", "ported_out"),
];

const SOON: &str = "2026-01-31T10:00:00Z";

/// Creates a number in this state.
async fn in_state(admin: &Client, state: &str) -> i64 {
    let act = async |path: String, body: Value| admin.post(&path, body).await.expect(200);
    let number = match state {
        "on a card" | "reserved on a card" => {
            admin.get(&format!("/sims/{}", admin.sim().await)).await.expect(200)["number_id"]
                .as_i64()
                .unwrap()
        }
        "assigned" | "without its card" | "quarantined" => {
            let contract = admin.draft("0.00").await;
            let sim = admin.activate(contract).await["sim_id"].clone();
            let number = admin.get(&format!("/sims/{sim}")).await.expect(200)["number_id"].as_i64().unwrap();
            match state {
                "without its card" => {
                    drop(act(format!("/sims/{sim}/deactivate"), json!({"reason": "broken"})).await)
                }
                "quarantined" => {
                    drop(act(format!("/contracts/{contract}/terminate"), json!({"reason": "переезд"})).await)
                }
                _ => {}
            }
            number
        }
        _ => {
            id(&admin.post("/numbers", json!({"first": format!("+7903{:07}", unique())})).await.expect(201)
                [0])
        }
    };
    if state.starts_with("reserved") {
        act(format!("/numbers/{number}/reserve"), json!({"until": SOON})).await;
    }
    if state == "ported out" {
        act(format!("/numbers/{number}/port-out"), json!({"note": "заявление 7"})).await;
    }
    number
}

async fn asked(admin: &Client, action: &str, number: i64) -> Reply {
    match action {
        "reserve" => {
            admin
                .post(&format!("/numbers/{number}/reserve"), json!({"until": "2026-06-01T00:00:00.1234567Z"}))
                .await
        }
        "release" => admin.post(&format!("/numbers/{number}/release"), json!({})).await,
        "port-out" => admin.post(&format!("/numbers/{number}/port-out"), json!({})).await,
        "put on a new card" => {
            let mut card = sim();
            card["msisdn"] = admin.get(&format!("/numbers/{number}")).await.expect(200)["msisdn"].clone();
            admin.post("/sims", card).await
        }
        "put on a card" => {
            let msisdn = admin.get(&format!("/numbers/{number}")).await.expect(200)["msisdn"].clone();
            admin.patch(&format!("/sims/{}", admin.sim().await), json!({"msisdn": msisdn})).await
        }
        other => panic!("{other}"),
    }
}

type Outcome = Result<&'static str, &'static str>;

/// The result of each action in each of [`STATES`].
fn table() -> [(&'static str, [Outcome; 8]); 5] {
    let (wrong, carried, gone, taken) =
        (Err("number_wrong_state"), Err("number_on_sim"), Err("number_not_available"), Err("number_taken"));
    let put = [Ok("available"), taken, gone, gone, gone, gone, gone, gone];
    [
        ("reserve", [Ok("reserved"), Ok("reserved"), wrong, wrong, wrong, wrong, wrong, wrong]),
        ("release", [wrong, wrong, Ok("available"), Ok("available"), wrong, wrong, wrong, Ok("quarantined")]),
        (
            "port-out",
            [Ok("ported_out"), carried, Ok("ported_out"), carried, wrong, wrong, Ok("ported_out"), wrong],
        ),
        ("put on a new card", put),
        ("put on a card", put),
    ]
}

/// The number in a response.
async fn shown(admin: &Client, number: i64) -> Value {
    admin.get(&format!("/numbers/{number}")).await.expect(200)
}

/// The stored status of a number, even if it has expired.
async fn row(app: &App, number: i64) -> String {
    app.texts(&format!("SELECT status FROM numbers WHERE id = {number}")).await.remove(0)
}

#[scenario]
async fn every_action_from_every_state_leads_where_the_table_says_and_a_refusal_moves_nothing(app: &App) {
    let admin = app.admin().await;
    for (action, outcomes) in table() {
        for ((state, status), expected) in STATES.into_iter().zip(outcomes) {
            let number = in_state(&admin, state).await;
            let before = shown(&admin, number).await;
            assert_eq!(before["status"], status, "{state}");
            let reply = asked(&admin, action, number).await;
            let after = shown(&admin, number).await;
            match expected {
                Ok(status) => {
                    assert!(reply.status < 300, "{action} a number {state}: {}", reply.text);
                    assert_eq!(after["status"], status, "{action} a number {state}");
                    let ends = (
                        after["reserved_until"].is_string(),
                        after["quarantined_until"].is_string(),
                        after["contract_id"].is_i64(),
                    );
                    assert_eq!(
                        ends,
                        (status == "reserved", status == "quarantined", false),
                        "{action} a number {state}: {after}"
                    );
                    assert_eq!(
                        after["sim_id"].is_i64(),
                        action.starts_with("put") || state.ends_with("card"),
                        "{action} a number {state}"
                    );
                }
                Err(code) => {
                    let problem = reply.refused(409, code);
                    assert!(
                        problem["detail"].as_str().unwrap().contains(before["msisdn"].as_str().unwrap()),
                        "{problem}"
                    );
                    assert_eq!(after, before, "{action} a number {state}");
                }
            }
        }
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_reserved_number_is_kept_for_the_card_that_carries_it(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let sim = admin.contract(contract).await["sim_id"].clone();
    let number = admin.get(&format!("/sims/{sim}")).await.expect(200)["number_id"].as_i64().unwrap();
    admin.post(&format!("/numbers/{number}/reserve"), json!({"until": SOON})).await.expect(200);
    admin.activate(contract).await;
    let assigned = shown(&admin, number).await;
    assert_eq!(
        (&assigned["status"], &assigned["contract_id"], &assigned["sim_id"], &assigned["reserved_until"]),
        (&json!("assigned"), &json!(contract), &sim, &Value::Null)
    );
    assert_eq!(
        admin.get(&format!("/numbers?contract={contract}")).await.expect(200)["results"][0]["id"],
        number
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_number_that_is_reserved_for_a_subscriber_is_activated_for_no_other(app: &App) {
    let admin = app.admin().await;
    let (owner, other) = (admin.draft("0.00").await, admin.draft("0.00").await);
    let customer = admin.contract(owner).await["customer_id"].clone();
    let sim = admin.contract(other).await["sim_id"].clone();
    let number = admin.get(&format!("/sims/{sim}")).await.expect(200)["number_id"].as_i64().unwrap();
    let reserve = format!("/numbers/{number}/reserve");
    let unknown = admin.post(&reserve, json!({"until": SOON, "customer_id": 999_999})).await;
    assert_eq!(unknown.wrong_fields(), [("/customer_id".to_owned(), "not_found".to_owned())]);
    assert_eq!(shown(&admin, number).await["version"], 1);
    let reserved = admin.post(&reserve, json!({"until": SOON, "customer_id": customer})).await.expect(200);
    assert_eq!((&reserved["status"], &reserved["reserved_for"]), (&json!("reserved"), &customer));
    let found = admin.get(&format!("/numbers?reserved_for={customer}")).await.expect(200);
    assert_eq!((&found["count"], &found["results"][0]["id"]), (&json!(1), &json!(number)));

    // the checklist says so, and activation is refused
    let checklist = admin.get(&format!("/contracts/{other}/checklist")).await.expect(200);
    assert!(checklist.to_string().contains("number_reserved"), "{checklist}");
    let activate = format!("/contracts/{other}/activate");
    let refused = admin.post(&activate, json!({})).await;
    assert!(refused.refused(409, "number_reserved")["detail"].as_str().unwrap().contains("+7900"));
    assert_eq!(admin.contract(other).await["status"], "draft");
    assert_eq!(shown(&admin, number).await, reserved);

    // the owner gets it, and the reservation is over
    let activated =
        admin.post(&format!("/contracts/{owner}/activate"), json!({"sim_id": sim})).await.expect(200);
    assert_eq!(activated["sim_id"], sim);
    let assigned = shown(&admin, number).await;
    assert_eq!((&assigned["status"], &assigned["reserved_for"]), (&json!("assigned"), &Value::Null));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_reservation_for_a_subscriber_moves_with_a_merge_and_ends_by_itself(app: &App) {
    let admin = app.admin().await;
    let (survivor, double) = (admin.customer().await, admin.customer().await);
    let number = in_state(&admin, "available").await;
    let until = json!({"until": SOON, "customer_id": double});
    admin.post(&format!("/numbers/{number}/reserve"), until).await.expect(200);
    admin.post(&format!("/customers/{survivor}/merge"), json!({"duplicate_id": double})).await.expect(200);
    assert_eq!(shown(&admin, number).await["reserved_for"], survivor);
    app.advance(TimeDelta::hours(2));
    let lapsed = shown(&app.admin().await, number).await;
    assert_eq!((&lapsed["status"], &lapsed["reserved_for"]), (&json!("available"), &Value::Null));
    assert_eq!(app.free_lapsed_numbers().await, 1);
    assert_eq!(app.count("numbers WHERE reserved_for IS NOT NULL").await, 0);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_number_on_a_card_is_not_listed_as_available(app: &App) {
    let admin = app.admin().await;
    let (free, carried) = (in_state(&admin, "available").await, in_state(&admin, "on a card").await);
    let listed = async |query: &str| {
        let page = admin.get(&format!("/numbers?ordering=created_at&{query}")).await.expect(200);
        assert_eq!(page["count"], page["results"].as_array().unwrap().len(), "{query}");
        page["results"].as_array().unwrap().iter().map(id).collect::<Vec<_>>()
    };
    assert_eq!(listed("status=available").await, [free]);
    assert_eq!(listed("").await, [free, carried]);
}

#[scenario]
async fn a_card_with_unusual_numbers_is_taken_with_a_warning(app: &App) {
    let admin = app.admin().await;
    let card = |iccid: &str, imsi: &str| json!({"iccid": iccid, "imsi": imsi});
    for (iccid, imsi, warnings) in [
        ("8970199123456789012", "250991234567890", json!([])),
        ("8970199123456789013", "250991234567891", json!(["iccid_check_digit"])),
        ("8970199100000000005", "401071234567890", json!(["imsi_of_another_country"])),
    ] {
        let made = admin.post("/sims", card(iccid, imsi)).await.expect(201);
        assert_eq!(made["warnings"], warnings, "{made}");
        assert!(admin.get(&format!("/sims/{}", made["id"])).await.expect(200).get("warnings").is_none());
    }
    // blanks between the digits are passed over
    let made = admin.post("/sims", card("8970 1991 2345 6789 020", "25099 1234 567899")).await.expect(201);
    assert_eq!((&made["iccid"], &made["imsi"]), (&json!("8970199123456789020"), &json!("250991234567899")));
}

#[scenario]
async fn a_cards_number_is_taken_in_any_notation(app: &App) {
    let admin = app.admin().await;
    let mut card = sim();
    card["msisdn"] = json!("8 (903) 123-45-67");
    assert_eq!(admin.post("/sims", card.clone()).await.expect(201)["msisdn"], "+79031234567");
    let numbers = admin.post("/numbers", json!({"first": "903 123-45-70", "count": 2})).await.expect(201);
    assert_eq!(
        (&numbers[0]["msisdn"], &numbers[1]["msisdn"]),
        (&json!("+79031234570"), &json!("+79031234571"))
    );
    // a number of another country is a contact, not a number of the operator
    let mut foreign = sim();
    foreign["msisdn"] = json!("+996555123456");
    let refused = admin.post("/sims", foreign).await;
    assert_eq!(refused.wrong_fields(), [("/msisdn".to_owned(), "invalid_phone".to_owned())]);
}

#[scenario(NUMBER_QUARANTINE_DAYS = "1")]
async fn what_has_run_out_blocks_nothing_before_the_sweep_and_is_available_after_it(app: &App) {
    let admin = app.admin().await;
    let (mut reserved, mut resting) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        reserved.push(in_state(&admin, "reserved").await);
        resting.push(in_state(&admin, "quarantined").await);
    }
    let kept = in_state(&admin, "available").await;
    admin
        .post(&format!("/numbers/{kept}/reserve"), json!({"until": "2026-06-01T00:00:00Z"}))
        .await
        .expect(200);
    // nothing has expired yet
    assert_eq!(app.free_lapsed_numbers().await, 0);
    assert_eq!(admin.get("/numbers?status=quarantined").await.expect(200)["count"], 6);
    // to the start of the day in Moscow on which the quarantine ends
    app.advance(TimeDelta::hours(12));
    let admin = app.admin().await;
    for number in reserved.iter().chain(&resting) {
        let before = row(app, *number).await;
        let number = shown(&admin, *number).await;
        assert_eq!(
            (&number["status"], &number["reserved_until"], &number["quarantined_until"]),
            (&json!("available"), &Value::Null, &Value::Null),
            "{before}"
        );
    }
    for (status, count) in [("available", 12), ("reserved", 1), ("quarantined", 0)] {
        let found = admin.get(&format!("/numbers?status={status}")).await.expect(200);
        assert_eq!(found["count"], count, "{status}");
        assert!(
            found["results"].as_array().unwrap().iter().all(|number| number["status"] == status),
            "{found}"
        );
        assert_eq!(
            admin.get(&format!("/numbers?status={status}&cursor=")).await.expect(200)["results"],
            found["results"]
        );
    }
    // every use works before the sweep has run
    for (lapsed, was) in [(&reserved, "reserved"), (&resting, "quarantined")] {
        assert_eq!(row(app, lapsed[0]).await, was);
        assert_eq!(asked(&admin, "reserve", lapsed[0]).await.expect(200)["status"], "reserved");
        asked(&admin, "release", lapsed[1]).await.refused(409, "number_wrong_state");
        assert_eq!(asked(&admin, "port-out", lapsed[2]).await.expect(200)["status"], "ported_out");
        asked(&admin, "put on a new card", lapsed[3]).await.expect(201);
        assert_eq!(row(app, lapsed[3]).await, "available");
    }
    // two concurrent sweeps: each number becomes available once, with one audit row
    let before = app.count("audit").await;
    let (one, other) = futures_util::future::join(app.free_lapsed_numbers(), app.free_lapsed_numbers()).await;
    assert_eq!(one + other, 6);
    assert_eq!(
        app.scalar("SELECT COUNT(*) FROM audit WHERE action = 'number.freed' AND actor_id IS NULL").await,
        6
    );
    assert_eq!(app.count("audit").await, before + 6);
    for number in reserved[4..].iter().chain(&resting[4..]) {
        assert_eq!(row(app, *number).await, "available");
    }
    assert_eq!(shown(&admin, kept).await["status"], "reserved");
    assert_eq!(app.free_lapsed_numbers().await, 0);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_sweep_takes_a_bounded_number_at_a_time(app: &App) {
    let admin = app.admin().await;
    admin.post("/numbers", json!({"first": "+79040000000", "count": 600})).await.expect(201);
    app.execute("UPDATE numbers SET status = 'quarantined', quarantined_until = '2026-01-31'").await;
    let statements = app.state.db.statements();
    assert_eq!(app.free_lapsed_numbers().await, 500);
    assert!(app.state.db.statements() - statements < 10);
    assert_eq!(app.free_lapsed_numbers().await, 100);
    assert_eq!(
        app.scalar(
            "SELECT COUNT(*) FROM numbers WHERE status = 'available' AND quarantined_until IS NULL \
             AND version = 2"
        )
        .await,
        600
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_reservation_has_bounds_and_one_winner(app: &App) {
    let admin = app.admin().await;
    let number = in_state(&admin, "available").await;
    let path = format!("/numbers/{number}/reserve");
    for (until, code) in [
        ("2026-01-31T09:00:00Z", "in_the_past"),
        ("2020-01-01T00:00:00Z", "in_the_past"),
        ("2027-02-01T00:00:00Z", "out_of_range"),
        ("+262000-01-01T00:00:00Z", "out_of_range"),
        ("tomorrow", "invalid_format"),
    ] {
        let reply = admin.post(&path, json!({"until": until})).await;
        assert_eq!(reply.wrong_fields(), [("/until".to_owned(), code.to_owned())], "{until}: {}", reply.text);
    }
    assert_eq!(shown(&admin, number).await["version"], 1);
    let replies =
        join_all((0..10).map(|_| admin.post(&path, json!({"until": "2026-02-28T00:00:00.1234567Z"})))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    for reply in replies.into_iter().filter(|reply| reply.status != 200) {
        reply.refused(409, "number_wrong_state");
    }
    // microseconds, the precision of both engines
    assert_eq!(shown(&admin, number).await["reserved_until"], "2026-02-28T00:00:00.123456Z");
}

#[scenario]
async fn of_many_cards_that_want_one_number_one_has_it(app: &App) {
    let admin = app.admin().await;
    for msisdn in ["+79050000001", "+79050000002"] {
        if msisdn.ends_with('2') {
            admin.post("/numbers", json!({"first": msisdn})).await.expect(201);
        }
        let replies = join_all((0..8).map(|_| {
            let mut card = sim();
            card["msisdn"] = json!(msisdn);
            admin.post("/sims", card)
        }))
        .await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1, "{replies:?}");
        assert!(replies.iter().all(|reply| matches!(reply.status, 201 | 409)), "{replies:?}");
    }
    assert_eq!((app.count("sims").await, app.count("numbers").await), (2, 2));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_number_remembers_whom_it_served(app: &App) {
    let admin = app.admin().await;
    let number = in_state(&admin, "quarantined").await;
    app.advance(TimeDelta::days(90));
    let admin = app.admin().await;
    let msisdn = shown(&admin, number).await["msisdn"].clone();
    let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("0.00").await);
    let mut card = sim();
    card["msisdn"] = msisdn.clone();
    let card = id(&admin.post("/sims", card).await.expect(201));
    let contract = id(&admin
        .post("/contracts", json!({"customer_id": customer, "tariff_id": tariff, "sim_id": card}))
        .await
        .expect(201));
    admin.activate(contract).await;
    let history = admin.get(&format!("/numbers/{number}/history")).await.expect(200);
    assert_eq!(history["count"], 2);
    let (now, before) = (&history["results"][0], &history["results"][1]);
    assert_eq!(
        (&now["sim_id"], &now["contract_id"], &now["customer_id"], &now["msisdn"]),
        (&json!(card), &json!(contract), &json!(customer), &msisdn)
    );
    assert_eq!(
        (&now["bound_at"], &now["unbound_at"], &now["bound_why"], &now["unbound_why"]),
        (&json!("2026-05-01T09:00:00Z"), &Value::Null, &json!("activation"), &Value::Null)
    );
    assert_eq!(
        (&before["unbound_at"], &before["unbound_why"]),
        (&json!("2026-01-31T09:00:00Z"), &json!("переезд"))
    );
    assert_eq!(
        admin
            .get(&format!("/numbers/{number}/history?cursor=&page_size=1&ordering=bound_at"))
            .await
            .expect(200)["results"][0],
        *before
    );
    admin.get("/numbers/999/history").await.refused(404, "number_not_found");
    assert_eq!(app.violations().await, Vec::<String>::new());
}
