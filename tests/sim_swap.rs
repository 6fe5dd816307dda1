//! Contracts whose SIM is lost, blocked or replaced,
//! and the effect on the line and its money.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{App, Client, id, scenario};

/// Creates a contract in its first paid period, with this amount beyond the fee of 600.00.
async fn served(admin: &Client, beyond: &str) -> i64 {
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "600.00").await;
    if beyond != "0.00" {
        admin.pay(contract, beyond).await;
    }
    assert_eq!(admin.activate(contract).await["status"], "active");
    contract
}

async fn sim_of(admin: &Client, contract: i64) -> Value {
    admin.get(&format!("/sims/{}", admin.contract(contract).await["sim_id"])).await.expect(200)
}

/// The contract's status, holds and balance, in one line.
async fn told(admin: &Client, contract: i64) -> String {
    let contract = admin.contract(contract).await;
    let words = |value: &Value| value.to_string().replace('"', "");
    format!("{} {} {}", words(&contract["status"]), words(&contract["holds"]), words(&contract["balance"]))
}

async fn found(admin: &Client, search: &Value) -> Vec<i64> {
    let page = admin
        .get(&format!("/contracts?search={}", search.as_str().unwrap().trim_start_matches('+')))
        .await
        .expect(200);
    page["results"].as_array().unwrap().iter().map(id).collect()
}

/// Checks that the number of a lost card remains with the contract, and no other card can take it.
async fn number_remains_with_the_contract(admin: &Client, contract: i64, old: &Value) {
    let number = admin.get(&format!("/numbers/{}", old["number_id"])).await.expect(200);
    assert_eq!(
        (&number["status"], &number["contract_id"], &number["sim_id"]),
        (&json!("assigned"), &json!(contract), &Value::Null)
    );
    assert_eq!(
        (found(admin, &old["msisdn"]).await, found(admin, &old["iccid"]).await),
        (vec![contract], vec![])
    );
}

/// Checks the histories of a card that was lost, of the one that replaced it, and of their number.
async fn histories_tell_of_the_loss(admin: &Client, contract: i64, old: &Value, new: i64) {
    let history = admin.get(&format!("/sims/{}/history", old["id"])).await.expect(200);
    assert_eq!(history["count"], 1);
    let binding = &history["results"][0];
    assert_eq!(
        (&binding["contract_id"], &binding["msisdn"], &binding["iccid"], &binding["bound_why"]),
        (&json!(contract), &old["msisdn"], &old["iccid"], &json!("activation"))
    );
    assert_eq!(
        (&binding["unbound_at"], &binding["unbound_why"]),
        (&json!("2026-01-31T09:00:00Z"), &json!("lost: забыл в такси"))
    );
    let binding = admin.get(&format!("/sims/{new}/history")).await.expect(200)["results"][0].clone();
    assert_eq!(
        (&binding["bound_why"], &binding["bound_at"], &binding["unbound_at"]),
        (&json!("replacement: восстановление"), &json!("2026-03-12T09:00:00Z"), &Value::Null)
    );
    assert_eq!(admin.get(&format!("/numbers/{}/history", old["number_id"])).await.expect(200)["count"], 2);
}

#[scenario]
async fn a_lost_sim_holds_the_contract_and_a_replacement_brings_the_line_back(app: &App) {
    let admin = app.admin().await;
    let operator = app.user("operator").await;
    let contract = served(&admin, "100.00").await;
    let old = sim_of(&admin, contract).await;
    let lost = operator
        .post(&format!("/sims/{}/deactivate", old["id"]), json!({"reason": "lost", "note": "забыл в такси"}))
        .await
        .expect(200);
    assert_eq!(
        (&lost["status"], &lost["contract_id"], &lost["msisdn"], &lost["deactivated_at"]),
        (&json!("closed"), &Value::Null, &Value::Null, &json!("2026-01-31T09:00:00Z"))
    );
    assert_eq!(told(&admin, contract).await, "suspended [no_sim] 100.00");
    assert_eq!(admin.contract(contract).await["sim_id"], Value::Null);
    number_remains_with_the_contract(&admin, contract, &old).await;
    assert_eq!(app.violations().await, Vec::<String>::new());

    // neither a payment nor the end of another hold resumes it, and staff cannot lift the hold by hand
    admin.post(&format!("/contracts/{contract}/suspend"), json!({"reason": "request"})).await.expect(200);
    admin.pay(contract, "600.00").await;
    admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": "request"})).await.expect(200);
    let by_hand = admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": "no_sim"})).await;
    assert_eq!(by_hand.wrong_fields(), [("/reason".to_owned(), "invalid_choice".to_owned())]);
    assert_eq!(told(&admin, contract).await, "suspended [no_sim] 700.00");

    // the paid period ends meanwhile: the next one begins with the new card
    app.advance(TimeDelta::days(40));
    let (admin, operator) = (app.admin().await, app.sign_in("operator", crate::harness::PASSWORD).await);
    let blank = json!({"iccid": "8970199000000000001", "imsi": "250019000000001", "kind": "esim"});
    let new = id(&admin.post("/sims", blank).await.expect(201));
    let back = operator
        .post(
            &format!("/contracts/{contract}/replace-sim"),
            json!({"sim_id": new, "reason": "восстановление"}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&back["status"], &back["holds"], &back["sim_id"], &back["balance"]),
        (&json!("active"), &json!([]), &json!(new), &json!("100.00"))
    );
    assert_eq!((&back["billing_day"], &back["next_billing_date"]), (&json!(12), &json!("2026-04-12")));
    let card = sim_of(&admin, contract).await;
    assert_eq!(
        (&card["status"], &card["msisdn"], &card["number_id"], &card["contract_id"]),
        (&json!("active"), &old["msisdn"], &old["number_id"], &json!(contract))
    );
    assert_eq!(found(&admin, &old["msisdn"]).await, [contract]);
    assert_eq!(
        (found(&admin, &old["iccid"]).await, found(&admin, &json!("8970199000000000001")).await),
        (vec![], vec![contract])
    );
    histories_tell_of_the_loss(&admin, contract, &old, new).await;
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_swap_of_a_working_line_moves_number_and_binding_and_charges_nothing(app: &App) {
    let admin = app.admin().await;
    let contract = served(&admin, "1000.00").await;
    let old = sim_of(&admin, contract).await;
    let new = admin.post("/sims", crate::harness::sim()).await.expect(201);
    let before = admin.contract(contract).await;
    let after = admin
        .post(
            &format!("/contracts/{contract}/replace-sim"),
            json!({"sim_id": new["id"], "reason": "замена на новую"}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&after["status"], &after["balance"], &after["next_billing_date"]),
        (&before["status"], &before["balance"], &before["next_billing_date"])
    );
    assert_eq!(app.count("contract_periods").await, 1);
    let card = sim_of(&admin, contract).await;
    assert_eq!(
        (&card["id"], &card["status"], &card["msisdn"]),
        (&new["id"], &json!("active"), &old["msisdn"])
    );
    let closed = admin.get(&format!("/sims/{}", old["id"])).await.expect(200);
    assert_eq!(
        (&closed["status"], &closed["msisdn"], &closed["contract_id"]),
        (&json!("closed"), &Value::Null, &Value::Null)
    );
    assert_eq!(
        admin.get(&format!("/sims/{}/history", old["id"])).await.expect(200)["results"][0]["unbound_why"],
        "замена на новую"
    );
    // the number of the new card is released, and another card can use it
    let freed = admin.get(&format!("/numbers/{}", new["number_id"])).await.expect(200);
    assert_eq!((&freed["status"], &freed["sim_id"]), (&json!("available"), &Value::Null));
    let mut other = crate::harness::sim();
    other["msisdn"] = new["msisdn"].clone();
    admin.post("/sims", other).await.expect(201);
    // a search by number finds the card that now has it
    let by_number = admin
        .get(&format!("/sims?search={}", old["msisdn"].as_str().unwrap().trim_start_matches('+')))
        .await
        .expect(200);
    assert_eq!((&by_number["count"], &by_number["results"][0]["id"]), (&json!(1), &new["id"]));
    // once more, from the new card to a third
    let third = admin.sim().await;
    admin
        .post(&format!("/contracts/{contract}/replace-sim"), json!({"sim_id": third, "reason": "снова"}))
        .await
        .expect(200);
    assert_eq!(admin.get(&format!("/numbers/{}/history", old["number_id"])).await.expect(200)["count"], 3);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_held_line_gets_its_new_card_suspended(app: &App) {
    let admin = app.admin().await;
    let contract = served(&admin, "0.00").await;
    admin.post(&format!("/contracts/{contract}/suspend"), json!({"reason": "fraud"})).await.expect(200);
    let new = admin.sim().await;
    admin
        .post(&format!("/contracts/{contract}/replace-sim"), json!({"sim_id": new, "reason": "износ"}))
        .await
        .expect(200);
    assert_eq!(
        (sim_of(&admin, contract).await["status"].clone(), told(&admin, contract).await),
        (json!("suspended"), "suspended [fraud] 0.00".to_owned())
    );
    // a card lost under a hold leaves that hold in place
    admin.post(&format!("/sims/{new}/deactivate"), json!({"reason": "stolen"})).await.expect(200);
    assert_eq!(told(&admin, contract).await, "suspended [fraud,no_sim] 0.00");
    let new = admin.sim().await;
    admin
        .post(&format!("/contracts/{contract}/replace-sim"), json!({"sim_id": new, "reason": "кража"}))
        .await
        .expect(200);
    assert_eq!(
        (sim_of(&admin, contract).await["status"].clone(), told(&admin, contract).await),
        (json!("suspended"), "suspended [fraud] 0.00".to_owned())
    );
    admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": "fraud"})).await.expect(200);
    assert_eq!(
        (sim_of(&admin, contract).await["status"].clone(), told(&admin, contract).await),
        (json!("active"), "active [] 0.00".to_owned())
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn blocking_a_card_stops_its_line_until_it_is_unblocked(app: &App) {
    let admin = app.admin().await;
    let contract = served(&admin, "0.00").await;
    let sim = format!("/sims/{}", admin.contract(contract).await["sim_id"]);
    let blocked = admin.post(&format!("{sim}/block"), json!({"reason": "клон"})).await.expect(200);
    assert_eq!(
        (&blocked["status"], &blocked["block_reason"], &blocked["contract_id"]),
        (&json!("blocked"), &json!("клон"), &json!(contract))
    );
    assert_eq!(told(&admin, contract).await, "suspended [no_sim] 0.00");
    // other holds are placed and lifted, and the card remains blocked
    admin.post(&format!("/contracts/{contract}/suspend"), json!({"reason": "request"})).await.expect(200);
    admin.post(&format!("/contracts/{contract}/resume"), json!({"reason": "request"})).await.expect(200);
    assert_eq!(
        (told(&admin, contract).await, admin.get(&sim).await.expect(200)["status"].clone()),
        ("suspended [no_sim] 0.00".to_owned(), json!("blocked"))
    );
    let back = admin.post(&format!("{sim}/unblock"), json!({})).await.expect(200);
    assert_eq!((&back["status"], &back["block_reason"]), (&json!("active"), &Value::Null));
    assert_eq!(told(&admin, contract).await, "active [] 0.00");
    assert_eq!(app.count("contract_periods").await, 1);

    // if the period ended meanwhile and the next one cannot be paid, the line resumes with a debt
    admin.post(&format!("{sim}/block"), json!({"reason": "клон"})).await.expect(200);
    app.advance(TimeDelta::days(40));
    let admin = app.admin().await;
    let back = admin.post(&format!("{sim}/unblock"), json!({})).await.expect(200);
    assert_eq!(
        (back["status"].clone(), told(&admin, contract).await),
        (json!("suspended"), "suspended [debt] 0.00".to_owned())
    );
    // for a blocked card of a contract in debt, a payment lifts the debt only
    admin.post(&format!("{sim}/block"), json!({"reason": "клон"})).await.expect(200);
    admin.pay(contract, "600.00").await;
    assert_eq!(told(&admin, contract).await, "suspended [no_sim] 600.00");
    admin.post(&format!("{sim}/unblock"), json!({})).await.expect(200);
    assert_eq!(told(&admin, contract).await, "active [] 0.00");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_blocked_card_can_be_replaced_and_lost_and_its_contract_terminated(app: &App) {
    let admin = app.admin().await;
    let contracts =
        [served(&admin, "0.00").await, served(&admin, "0.00").await, served(&admin, "0.00").await];
    for contract in contracts {
        let sim = sim_of(&admin, contract).await["id"].clone();
        admin.post(&format!("/sims/{sim}/block"), json!({"reason": "клон"})).await.expect(200);
    }
    let blocked = sim_of(&admin, contracts[0]).await;
    let new = admin.sim().await;
    admin
        .post(&format!("/contracts/{}/replace-sim", contracts[0]), json!({"sim_id": new, "reason": "клон"}))
        .await
        .expect(200);
    assert_eq!(told(&admin, contracts[0]).await, "active [] 0.00");
    let closed = admin.get(&format!("/sims/{}", blocked["id"])).await.expect(200);
    assert_eq!((&closed["status"], &closed["block_reason"]), (&json!("closed"), &Value::Null));
    let lost = sim_of(&admin, contracts[1]).await;
    admin.post(&format!("/sims/{}/deactivate", lost["id"]), json!({"reason": "broken"})).await.expect(200);
    assert_eq!(told(&admin, contracts[1]).await, "suspended [no_sim] 0.00");
    // after termination with a blocked card or without a card, the number is quarantined
    for (contract, number) in [
        (contracts[1], lost["number_id"].clone()),
        (contracts[2], sim_of(&admin, contracts[2]).await["number_id"].clone()),
    ] {
        admin
            .post(&format!("/contracts/{contract}/terminate"), json!({"reason": "переезд"}))
            .await
            .expect(200);
        let number = admin.get(&format!("/numbers/{number}")).await.expect(200);
        assert_eq!(
            (&number["status"], &number["contract_id"], &number["quarantined_until"]),
            (&json!("quarantined"), &Value::Null, &json!("2026-05-01"))
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_replacement_is_refused_and_moves_nothing(app: &App) {
    let admin = app.admin().await;
    let contract = served(&admin, "0.00").await;
    let (path, other) = (format!("/contracts/{contract}/replace-sim"), served(&admin, "0.00").await);
    let own = sim_of(&admin, contract).await["id"].clone();
    let (free, blocked, closed) = (admin.sim().await, admin.sim().await, admin.sim().await);
    admin.post(&format!("/sims/{blocked}/block"), json!({"reason": "брак"})).await.expect(200);
    admin.post(&format!("/sims/{closed}/close"), json!({})).await.expect(200);
    let (draft, over) = (admin.draft("0.00").await, served(&admin, "0.00").await);
    admin.post(&format!("/contracts/{over}/terminate"), json!({"reason": "переезд"})).await.expect(200);
    // audit rows for reads of cards are written later, so they are not counted
    let standing = async || {
        let changes = app.scalar("SELECT COUNT(*) FROM audit WHERE action <> 'personal_data.read'").await;
        (admin.contract(contract).await, app.count("sim_bindings").await, changes)
    };
    let before = standing().await;
    for sim in [own, sim_of(&admin, other).await["id"].clone(), json!(blocked), json!(closed)] {
        admin.post(&path, json!({"sim_id": sim, "reason": "износ"})).await.refused(409, "sim_not_free");
    }
    let unknown = admin.post(&path, json!({"sim_id": 999, "reason": "износ"})).await;
    assert_eq!(unknown.wrong_fields(), [("/sim_id".to_owned(), "not_found".to_owned())]);
    let wrong = admin.post(&path, json!({"sim_id": "x", "reason": ""})).await;
    assert_eq!(wrong.wrong_fields().len(), 2, "{}", wrong.text);
    for contract in [draft, over] {
        admin
            .post(&format!("/contracts/{contract}/replace-sim"), json!({"sim_id": free, "reason": "износ"}))
            .await
            .refused(409, "contract_not_running");
    }
    assert_eq!(standing().await, before);
    let supervisor = app.user("supervisor").await;
    supervisor
        .post(&path, json!({"sim_id": free, "reason": "износ"}))
        .await
        .refused(403, "permission_missing");
    supervisor
        .post(&format!("/sims/{free}/block"), json!({"reason": "клон"}))
        .await
        .refused(403, "permission_missing");
    assert_eq!(admin.get(&format!("/sims/{free}")).await.expect(200)["status"], "free");
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn of_many_contracts_that_want_one_free_card_one_has_it(app: &App) {
    let admin = app.admin().await;
    let mut contracts = Vec::new();
    for _ in 0..6 {
        let contract = admin.draft("0.00").await;
        admin.activate(contract).await;
        contracts.push(contract);
    }
    let lost = sim_of(&admin, contracts[0]).await["id"].clone();
    admin.post(&format!("/sims/{lost}/deactivate"), json!({"reason": "lost"})).await.expect(200);
    let (free, draft) = (admin.sim().await, admin.draft("0.00").await);
    let swaps = contracts.iter().map(|contract| {
        (format!("/contracts/{contract}/replace-sim"), json!({"sim_id": free, "reason": "износ"}))
    });
    let asks = swaps.chain([(format!("/contracts/{draft}/activate"), json!({"sim_id": free}))]);
    let replies = join_all(asks.map(|(path, body)| {
        let admin = admin.clone();
        async move { admin.post(&path, body).await }
    }))
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1, "{replies:?}");
    for reply in replies.into_iter().filter(|reply| reply.status != 200) {
        reply.refused(409, "sim_not_free");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_swap_a_block_a_loss_and_an_end_at_once_leave_the_line_in_one_piece(app: &App) {
    let admin = app.admin().await;
    for _ in 0..6 {
        let contract = served(&admin, "0.00").await;
        let sim = admin.contract(contract).await["sim_id"].clone();
        let new = admin.sim().await;
        let asks = [
            (format!("/contracts/{contract}/replace-sim"), json!({"sim_id": new, "reason": "износ"})),
            (format!("/sims/{sim}/block"), json!({"reason": "клон"})),
            (format!("/sims/{sim}/deactivate"), json!({"reason": "lost"})),
            (format!("/sims/{sim}/unblock"), json!({})),
            (format!("/contracts/{contract}/suspend"), json!({"reason": "request"})),
            (format!("/sims/{new}/block"), json!({"reason": "клон"})),
            (format!("/contracts/{contract}/terminate"), json!({"reason": "переезд"})),
        ];
        let replies = join_all(asks.into_iter().map(|(path, body)| {
            let admin = admin.clone();
            async move { admin.post(&path, body).await }
        }))
        .await;
        assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 409)), "{replies:?}");
        assert_eq!(app.violations().await, Vec::<String>::new());
    }
}
