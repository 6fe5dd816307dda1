//! Merging two subscribers: what moves, what is refused, and concurrent merges.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{person_with, registered, standing};
use crate::harness::{App, Client, id, scenario};

async fn merge(client: &Client, survivor: i64, duplicate: i64) -> crate::harness::Reply {
    client.post(&format!("/customers/{survivor}/merge"), json!({"duplicate_id": duplicate})).await
}

async fn ticket(client: &Client, customer: i64, contract: Option<i64>) -> i64 {
    let body = json!({
        "customer_id": customer, "contract_id": contract, "category": "sim", "subject": "Нет сети",
        "description": "С утра"
    });
    id(&client.post("/tickets", body).await.expect(201))
}

fn ids(page: &Value) -> Vec<i64> {
    let mut ids: Vec<i64> = page["results"].as_array().unwrap().iter().map(id).collect();
    ids.sort_unstable();
    ids
}

/// The survivor's history is that of both, with who merged them, and tells what moved.
async fn both_histories_are_told(client: &Client, survivor: i64, double: i64) {
    let history = client.get(&format!("/customers/{survivor}/history?page_size=500")).await.expect(200);
    let rows = history["results"].as_array().unwrap();
    let of = |action: &str| {
        rows.iter()
            .filter(|row| row["action"] == action)
            .map(|row| row["entity_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("customer.created"), [double.to_string(), survivor.to_string()]);
    assert_eq!(
        (of("customer.merged"), of("customer.duplicate_taken_in")),
        (vec![double.to_string()], vec![survivor.to_string()])
    );
    assert_eq!(of("contract.moved").len(), 3);
    let taken_in = rows.iter().find(|row| row["action"] == "customer.duplicate_taken_in").unwrap();
    assert_eq!(
        (&taken_in["after"]["contracts"], &taken_in["after"]["tickets"], &taken_in["after"]["duplicate_id"]),
        (&json!(3), &json!(1), &json!(double))
    );
    assert_eq!(taken_in["actor"], "supervisor");
}

#[scenario]
async fn contracts_tickets_and_history_move_to_the_survivor_and_the_double_is_archived_for_good(app: &App) {
    let admin = app.admin().await;
    let survivor = registered(&admin, json!({"last_name": "Кузнецова"})).await;
    let double = registered(&admin, json!({"last_name": "Ёлкина", "phone": "+79990001122"})).await;
    let own = admin.running_of(survivor, "0.00").await;
    let (running, draft, over) = (
        admin.running_of(double, "10.00").await,
        admin.draft_of(double, "10.00").await,
        admin.running_of(double, "0.00").await,
    );
    admin.terminate(over).await;
    let (first, second) = (ticket(&admin, double, Some(running)).await, ticket(&admin, survivor, None).await);
    app.relay_all().await;
    let told = async |customer: i64| {
        admin.get(&format!("/notifications?customer={customer}")).await.expect(200)["count"].as_i64().unwrap()
    };
    let (of_survivor, of_double) = (told(survivor).await, told(double).await);
    assert!(of_survivor > 0 && of_double > 0);
    let supervisor = app.user("supervisor").await;
    let before = admin.customer_at(survivor).await;
    let after = merge(&supervisor, survivor, double).await.expect(200);
    assert_eq!(
        (id(&after), &after["status"], after["version"].as_i64()),
        (survivor, &json!("active"), before["version"].as_i64().map(|version| version + 1))
    );
    let gone = admin.customer_at(double).await;
    assert_eq!(
        (&gone["status"], &gone["merged_into"], &gone["phone"]),
        (&json!("archived"), &json!(survivor), &json!("+79990001122"))
    );

    let path = format!("/customers/{survivor}");
    assert_eq!(ids(&admin.get(&format!("{path}/contracts")).await.expect(200)), [own, running, draft, over]);
    assert_eq!(ids(&admin.get(&format!("{path}/tickets")).await.expect(200)), [first, second]);
    assert_eq!(admin.get(&format!("{path}/payments")).await.expect(200)["count"], 2);
    for what in ["contracts", "tickets", "payments"] {
        assert_eq!(admin.get(&format!("/customers/{double}/{what}")).await.expect(200)["count"], 0, "{what}");
    }
    assert_eq!((told(survivor).await, told(double).await), (of_survivor + of_double, 0));
    assert_eq!(
        app.scalar(&format!("SELECT COUNT(*) FROM sim_bindings WHERE customer_id <> {survivor}")).await,
        0
    );
    // only the owner and the version changed
    let moved = admin.contract(running).await;
    assert_eq!(
        (&moved["status"], &moved["balance"], &moved["customer_id"]),
        (&json!("active"), &json!("0.00"), &json!(survivor))
    );
    // the search now finds it by the survivor's name
    let found =
        async |search: &str| ids(&admin.get(&format!("/contracts?search={search}")).await.expect(200));
    assert_eq!(
        (found("кузнецова").await, found("елкина").await),
        (vec![own, running, draft, over], Vec::new())
    );

    both_histories_are_told(&admin, survivor, double).await;

    // the double's unique values are free, and the double cannot be restored
    admin.post(&format!("/customers/{double}/restore"), json!({})).await.refused(409, "customer_merged");
    admin.patch(&path, json!({"phone": "+79990001122"})).await.expect(200);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_merge_is_refused_with_itself_the_archived_the_unlike_and_the_unknown(app: &App) {
    let admin = app.admin().await;
    let company = json!({
        "customer_type": "organization", "organization_name": "ООО «Ромашка»",
        "organization_code": "1027700132195", "phone": "+74951234567"
    });
    let company = id(&admin.post("/customers", company).await.expect(201));
    let mut by_status = Vec::new();
    for status in ["active", "suspended", "blocked", "archived"] {
        let customer = admin.customer().await;
        admin.bring(customer, status).await;
        by_status.push(customer);
    }
    let other = admin.customer().await;
    ticket(&admin, other, None).await;
    let before = standing(app).await;
    let archived = by_status[3];
    merge(&admin, other, archived).await.refused(409, "customer_wrong_state");
    merge(&admin, archived, other).await.refused(409, "customer_wrong_state");
    merge(&admin, other, other).await.refused(409, "customer_merge_with_itself");
    merge(&admin, other, company).await.refused(409, "customer_merge_mismatch");
    merge(&admin, 999_999, other).await.refused(404, "customer_not_found");
    let unknown = merge(&admin, other, 999_999).await;
    assert_eq!(unknown.wrong_fields(), [("/duplicate_id".to_owned(), "not_found".to_owned())]);
    for role in ["operator", "employee"] {
        merge(&app.user(role).await, other, by_status[0]).await.refused(403, "permission_missing");
    }
    assert_eq!(standing(app).await[..5], before[..5]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn the_survivors_status_decides_about_the_contracts_of_a_double_with_another(app: &App) {
    let admin = app.admin().await;
    for (of_survivor, of_double, holds) in [
        ("active", "blocked", json!([])),
        ("active", "suspended", json!([])),
        ("blocked", "active", json!(["customer"])),
        ("suspended", "blocked", json!(["customer"])),
    ] {
        let (survivor, double) = (admin.customer().await, admin.customer().await);
        let (own, moved) =
            (admin.running_of(survivor, "0.00").await, admin.running_of(double, "10.00").await);
        admin.bring(survivor, of_survivor).await;
        admin.bring(double, of_double).await;
        let after = merge(&admin, survivor, double).await.expect(200);
        assert_eq!(after["status"], of_survivor, "{of_survivor} {of_double}");
        for contract in [own, moved] {
            let contract = admin.contract(contract).await;
            assert_eq!((&contract["holds"], &contract["customer_id"]), (&holds, &json!(survivor)));
            let sim = admin.get(&format!("/sims/{}", contract["sim_id"])).await.expect(200);
            assert_eq!(sim["status"], if holds == json!([]) { "active" } else { "suspended" });
        }
        assert_eq!(admin.customer_at(double).await["status"], "archived");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_merge_lifts_a_block_only_for_a_caller_who_may_activate_subscribers(app: &App) {
    let admin = app.admin().await;
    let supervisor = app.user("supervisor").await;
    let (survivor, double) = (admin.customer().await, admin.customer().await);
    let contract = admin.running_of(double, "0.00").await;
    admin.bring(double, "blocked").await;
    let before = standing(app).await;
    merge(&supervisor, survivor, double).await.refused(403, "permission_missing");
    assert_eq!(standing(app).await[..5], before[..5]);
    assert_eq!(admin.contract(contract).await["holds"], json!(["customer"]));
    // a blocked double without contracts holds nothing
    let other = admin.customer().await;
    admin.bring(other, "blocked").await;
    merge(&supervisor, survivor, other).await.expect(200);
    merge(&admin, survivor, double).await.expect(200);
    assert_eq!(admin.contract(contract).await["holds"], json!([]));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn the_phones_and_addresses_of_a_double_become_further_ones_of_the_survivor(app: &App) {
    let admin = app.admin().await;
    let contacts = json!({
        "phone": "+79031112233", "email": "second@example.com", "further_phones": ["8 903 111-22-44"],
        "further_emails": ["third@example.com"]
    });
    let survivor = admin.post("/customers", person_with(json!({}))).await.expect(201);
    let double = registered(&admin, contacts).await;
    let after = merge(&admin, id(&survivor), double).await.expect(200);
    assert_eq!((&after["phone"], &after["email"]), (&survivor["phone"], &survivor["email"]));
    assert_eq!(after["further_phones"], json!(["+79031112233", "+79031112244"]));
    assert_eq!(after["further_emails"], json!(["second@example.com", "third@example.com"]));
    // the survivor is found by each of them
    for text in ["8 903 111-22-33", "903 111-22-44", "third@example.com"] {
        let path = format!("/customers?status=active&search={}", crate::conventions::raw::encoded(text));
        assert_eq!(ids(&admin.get(&path).await.expect(200)), [id(&survivor)], "{text}");
    }
    // they are fields like any other
    let path = format!("/customers/{}", after["id"]);
    let kept = admin.patch(&path, json!({"further_phones": ["+79031112244"]})).await.expect(200);
    assert_eq!(
        (&kept["further_phones"], &kept["further_emails"]),
        (&json!(["+79031112244"]), &after["further_emails"])
    );
    let wrong =
        admin.patch(&path, json!({"further_phones": ["+79031112244", "1"], "further_emails": ["x"]})).await;
    assert_eq!(
        wrong.wrong_fields(),
        [
            ("/further_emails/0".to_owned(), "invalid_email".to_owned()),
            ("/further_phones/1".to_owned(), "invalid_phone".to_owned())
        ]
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn two_who_are_suspended_are_merged_with_their_holds_and_a_chain_of_doubles_has_one_history(app: &App) {
    let admin = app.admin().await;
    let (first, second, third) = (admin.customer().await, admin.customer().await, admin.customer().await);
    let contract = admin.running_of(first, "0.00").await;
    for customer in [first, second] {
        admin.bring(customer, "suspended").await;
    }
    merge(&admin, second, first).await.expect(200);
    assert_eq!(admin.contract(contract).await["holds"], json!(["customer"]));
    admin.post(&format!("/customers/{second}/activate"), json!({})).await.expect(200);
    assert_eq!(admin.contract(contract).await["holds"], json!([]));
    merge(&admin, third, second).await.expect(200);
    let history = admin.get(&format!("/customers/{third}/history?page_size=500")).await.expect(200);
    let created = history["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["action"] == "customer.created")
        .count();
    assert_eq!((created, &admin.contract(contract).await["customer_id"]), (3, &json!(third)));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn of_merges_at_once_that_cross_or_repeat_one_is_done(app: &App) {
    let admin = app.admin().await;
    for _ in 0..4 {
        let (one, other) = (admin.customer().await, admin.customer().await);
        admin.running_of(one, "0.00").await;
        admin.running_of(other, "0.00").await;
        let replies = join_all(
            [(one, other), (other, one), (one, other), (other, one)]
                .map(|(survivor, duplicate)| merge(&admin, survivor, duplicate)),
        )
        .await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1, "{replies:?}");
        for reply in replies.into_iter().filter(|reply| reply.status != 200) {
            reply.refused(409, "customer_wrong_state");
        }
        let left = [admin.customer_at(one).await, admin.customer_at(other).await];
        let survivor = left.iter().find(|customer| customer["status"] == "active").unwrap();
        assert_eq!(
            admin.get(&format!("/customers/{}/contracts", survivor["id"])).await.expect(200)["count"],
            2
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_merge_beside_new_contracts_and_tickets_leaves_none_behind(app: &App) {
    let admin = app.admin().await;
    let (survivor, double, tariff) =
        (admin.customer().await, admin.customer().await, admin.prepaid_tariff("0.00").await);
    let work = (0..6).map(|n| {
        let admin = admin.clone();
        async move {
            match n {
                0 => merge(&admin, survivor, double).await.status,
                1..4 => {
                    admin.post("/contracts", json!({"customer_id": double, "tariff_id": tariff})).await.status
                }
                _ => admin
                    .post(
                        "/tickets",
                        json!({"customer_id": double, "category": "sim", "subject": "x", "description": "x"}),
                    )
                    .await
                    .status,
            }
        }
    });
    let statuses = join_all(work).await;
    assert!(
        statuses[0] == 200 && statuses.iter().all(|status| [200, 201, 409].contains(status)),
        "{statuses:?}"
    );
    let made = statuses.iter().filter(|status| **status == 201).count();
    let moved = app
        .scalar(&format!(
            "SELECT (SELECT COUNT(*) FROM contracts WHERE customer_id = {survivor}) + \
             (SELECT COUNT(*) FROM tickets WHERE customer_id = {survivor})"
        ))
        .await;
    assert_eq!(usize::try_from(moved).unwrap(), made);
    assert_eq!(app.violations().await, Vec::<String>::new());
}
