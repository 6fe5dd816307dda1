//! SIM cards: every action in every state, edits and deletion, and who may read the PUK.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, Client, PASSWORD, Reply, id, scenario, sim, unique};

/// A card in some state, with its first number and its present or last contract.
struct Standing {
    sim: i64,
    number: i64,
    contract: Option<i64>,
}

/// Every state, in the form of [`Standing::told`]:
/// the card, the contract with its holds, the number.
const STATES: [(&str, &str); 8] = [
    ("free", "free with number · – · available"),
    ("active", "active with number · active [] · assigned"),
    ("suspended", "suspended with number · suspended [\"request\"] · assigned"),
    ("blocked while free", "blocked with number · – · available"),
    ("blocked while active", "blocked with number · suspended [\"no_sim\"] · assigned"),
    ("blocked while suspended", "blocked with number · suspended [\"no_sim\",\"request\"] · assigned"),
    ("closed", "closed · – · available"),
    ("lost", "closed · suspended [\"no_sim\"] · assigned"),
];

impl Standing {
    async fn of(admin: &Client, state: &str) -> Self {
        let (sim, contract) = if matches!(state, "free" | "blocked while free" | "closed") {
            (admin.sim().await, None)
        } else {
            let contract = admin.draft("0.00").await;
            (admin.activate(contract).await["sim_id"].as_i64().unwrap(), Some(contract))
        };
        let number = admin.get(&format!("/sims/{sim}")).await.expect(200)["number_id"].as_i64().unwrap();
        let standing = Self { sim, number, contract };
        if state.ends_with("suspended") {
            admin
                .post(&format!("/contracts/{}/suspend", contract.unwrap()), json!({"reason": "request"}))
                .await
                .expect(200);
        }
        let last = match state {
            "closed" => "close",
            "lost" => "deactivate",
            state if state.starts_with("blocked") => "block",
            _ => return standing,
        };
        standing.asked(admin, last).await.expect(200);
        standing
    }

    async fn asked(&self, admin: &Client, action: &str) -> Reply {
        let path = format!("/sims/{}", self.sim);
        match action {
            "block" => admin.post(&format!("{path}/block"), json!({"reason": "клон"})).await,
            "unblock" => admin.post(&format!("{path}/unblock"), json!({})).await,
            "close" => admin.post(&format!("{path}/close"), json!({})).await,
            "deactivate" => admin.post(&format!("{path}/deactivate"), json!({"reason": "lost"})).await,
            "delete" => admin.delete(&path).await,
            "edit the ICCID" => {
                admin.patch(&path, json!({"iccid": format!("8970102{:012}", unique())})).await
            }
            "edit the kind" => admin.patch(&path, json!({"kind": "esim"})).await,
            "activate with it" => {
                let contract = admin.draft("0.00").await;
                admin.post(&format!("/contracts/{contract}/activate"), json!({"sim_id": self.sim})).await
            }
            "replace by it" => {
                let contract = admin.draft("0.00").await;
                admin.activate(contract).await;
                admin
                    .post(
                        &format!("/contracts/{contract}/replace-sim"),
                        json!({"sim_id": self.sim, "reason": "износ"}),
                    )
                    .await
            }
            other => panic!("{other}"),
        }
    }

    /// The card, its contract with the holds, and its first number.
    async fn told(&self, admin: &Client) -> String {
        let number = admin.get(&format!("/numbers/{}", self.number)).await.expect(200);
        let contract = match self.contract {
            Some(contract) => admin.contract(contract).await,
            None => Value::Null,
        };
        let contract = contract["status"]
            .as_str()
            .map_or_else(|| "–".to_owned(), |status| format!("{status} {}", contract["holds"]));
        let sim = admin.get(&format!("/sims/{}", self.sim)).await;
        let card = match (sim.status, &sim.body["msisdn"]) {
            (404, _) => "gone".to_owned(),
            (_, Value::Null) => sim.body["status"].as_str().unwrap().to_owned(),
            (_, _) => format!("{} with number", sim.body["status"].as_str().unwrap()),
        };
        format!("{card} · {contract} · {}", number["status"].as_str().unwrap())
    }
}

type Outcome = Result<&'static str, &'static str>;

/// The result of each action in each of [`STATES`].
fn table() -> [(&'static str, [Outcome; 8]); 9] {
    let (wrong, unbound, fixed) = (Err("sim_wrong_state"), Err("sim_not_bound"), Err("invalid"));
    let (taken, was_bound) = (Err("sim_not_free"), Err("sim_was_bound"));
    let [free, active, suspended, blocked, blocked_active, blocked_suspended, closed, lost] =
        STATES.map(|(_, told)| Ok(told));
    let lost_and_held = Ok("closed · suspended [\"no_sim\",\"request\"] · assigned");
    let gone = Ok("gone · – · available");
    [
        ("block", [blocked, blocked_active, blocked_suspended, wrong, wrong, wrong, wrong, wrong]),
        ("unblock", [wrong, wrong, wrong, free, active, suspended, wrong, wrong]),
        ("close", [closed, wrong, wrong, closed, wrong, wrong, wrong, wrong]),
        ("deactivate", [unbound, lost, lost_and_held, unbound, lost, lost_and_held, unbound, unbound]),
        ("delete", [gone, was_bound, was_bound, gone, was_bound, was_bound, gone, was_bound]),
        ("edit the ICCID", [free, fixed, fixed, fixed, fixed, fixed, wrong, wrong]),
        (
            "edit the kind",
            [free, active, suspended, blocked, blocked_active, blocked_suspended, wrong, wrong],
        ),
        (
            "activate with it",
            [Ok("active with number · – · assigned"), taken, taken, taken, taken, taken, taken, taken],
        ),
        // its first number is released, because the card takes the contract's number
        (
            "replace by it",
            [Ok("active with number · – · available"), taken, taken, taken, taken, taken, taken, taken],
        ),
    ]
}

/// Creates a user with the permissions of an operator except reading PUKs.
async fn without_puk(app: &App, admin: &Client) -> Client {
    let user = json!({"username": "clerk", "full_name": "Clerk", "role": "operator", "password": PASSWORD});
    let user = id(&admin.post("/users", user).await.expect(201));
    admin
        .put(&format!("/users/{user}/permissions"), json!({"granted": [], "denied": ["sims:puk"]}))
        .await
        .expect(200);
    app.sign_in("clerk", PASSWORD).await
}

#[scenario]
async fn every_action_from_every_state_leads_where_the_table_says_and_a_refusal_moves_nothing(app: &App) {
    let admin = app.admin().await;
    for (action, outcomes) in table() {
        for ((state, before), expected) in STATES.into_iter().zip(outcomes) {
            let standing = Standing::of(&admin, state).await;
            assert_eq!(standing.told(&admin).await, before, "{state}");
            let versions = app
                .texts(&format!("SELECT CAST(version AS TEXT) FROM sims WHERE id = {}", standing.sim))
                .await;
            let reply = standing.asked(&admin, action).await;
            let after = standing.told(&admin).await;
            match expected {
                Ok(told) => {
                    assert!((200..300).contains(&reply.status), "{action} a {state} card: {}", reply.text);
                    assert_eq!(after, told, "{action} a {state} card");
                }
                Err(code) => {
                    if code == "invalid" {
                        assert_eq!(
                            reply.wrong_fields(),
                            [("/iccid".to_owned(), "read_only".to_owned())],
                            "{action} a {state} card"
                        );
                    }
                    let problem = reply.refused(if code == "invalid" { 422 } else { 409 }, code);
                    let detail = problem["detail"].as_str().unwrap();
                    assert!(!detail.contains('{') && detail.len() > 30, "{action} a {state} card: {detail}");
                    assert_eq!(after, before, "{action} a {state} card");
                    let same = app
                        .texts(&format!("SELECT CAST(version AS TEXT) FROM sims WHERE id = {}", standing.sim))
                        .await;
                    assert_eq!(same, versions, "{action} a {state} card");
                }
            }
        }
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_refusal_says_from_which_state_in_both_languages(app: &App) {
    let admin = app.admin().await;
    let standing = Standing::of(&admin, "blocked while active").await;
    let detail = async |client: &Client| {
        standing.asked(client, "close").await.refused(409, "sim_wrong_state")["detail"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(detail(&admin).await.contains("заблокирована и привязана к договору"));
    assert!(
        detail(&admin.with("Accept-Language", "en"))
            .await
            .starts_with("A SIM card that is blocked and bound to a contract cannot be closed.")
    );
}

/// A card as it is read: without what the answer to its registration says beside it.
fn without_warnings(made: &Value) -> Value {
    let mut read = made.clone();
    assert!(read.as_object_mut().unwrap().remove("warnings").is_some_and(|warnings| warnings.is_array()));
    read
}

#[scenario]
async fn a_free_card_is_edited_and_what_it_carries_moves(app: &App) {
    let admin = app.admin().await;
    let made = admin.post("/sims", sim()).await.expect(201);
    let path = format!("/sims/{}", made["id"]);
    // sending back what was answered or read changes nothing
    let read = without_warnings(&made);
    assert_eq!(admin.put(&path, made.clone()).await.expect(200), read);
    assert_eq!(admin.put(&path, read.clone()).await.expect(200), read);
    let (iccid, imsi) = (format!("8970109{:012}", unique()), format!("25009{:010}", unique()));
    let patch =
        json!({"iccid": iccid, "imsi": imsi, "puk_code": null, "kind": "esim", "msisdn": "+79990001122"});
    let after = admin.patch(&path, patch).await.expect(200);
    assert_eq!(
        (&after["iccid"], &after["imsi"], &after["puk_code"], &after["kind"]),
        (&json!(iccid), &json!(imsi), &Value::Null, &json!("esim"))
    );
    assert_eq!(
        (&after["msisdn"], &after["status"], after["version"].as_i64()),
        (&json!("+79990001122"), &json!("free"), Some(2))
    );
    // the previous number is available and on no card, and the search finds the new one
    let number = admin.get(&format!("/numbers/{}", made["number_id"])).await.expect(200);
    assert_eq!((&number["status"], &number["sim_id"]), (&json!("available"), &Value::Null));
    assert_eq!(
        admin.get("/numbers?search=79990001122").await.expect(200)["results"][0]["sim_id"],
        made["id"]
    );
    assert_eq!(admin.get("/sims?search=79990001122").await.expect(200)["count"], 1);
    assert_eq!(
        admin.get(&format!("/sims?search={}", made["iccid"].as_str().unwrap())).await.expect(200)["count"],
        0
    );
    // and without a number
    let bare = admin.patch(&path, json!({"msisdn": null})).await.expect(200);
    assert_eq!((&bare["msisdn"], &bare["number_id"]), (&Value::Null, &Value::Null));
    assert_eq!(admin.get("/sims/free?has_number=false").await.expect(200)["results"][0]["id"], made["id"]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn an_edit_is_refused_for_what_others_have_for_a_stale_tag_and_for_what_is_only_read(app: &App) {
    let admin = app.admin().await;
    let (first, second) =
        (admin.post("/sims", sim()).await.expect(201), admin.post("/sims", sim()).await.expect(201));
    let path = format!("/sims/{}", second["id"]);
    let clash = admin.patch(&path, json!({"iccid": first["iccid"], "imsi": first["imsi"]})).await;
    assert_eq!(
        clash.wrong_fields(),
        [
            ("/iccid".to_owned(), "duplicate_value".to_owned()),
            ("/imsi".to_owned(), "duplicate_value".to_owned())
        ]
    );
    assert_eq!(clash.refused(409, "sim_duplicate")["errors"][0]["existing_id"], first["id"]);
    let taken = admin.patch(&path, json!({"msisdn": first["msisdn"]})).await.refused(409, "number_taken");
    assert_eq!(taken["errors"][0]["existing_id"], first["id"]);
    let wrong = admin
        .patch(
            &path,
            json!({
                "status": "active", "contract_id": 1, "block_reason": "x", "colour": "red", "puk_code": "1",
                "msisdn": "12"
            }),
        )
        .await;
    let codes: Vec<(String, String)> = wrong.wrong_fields();
    let expected = [
        ("/block_reason", "read_only"),
        ("/colour", "unknown_field"),
        ("/contract_id", "read_only"),
        ("/msisdn", "invalid_phone"),
        ("/puk_code", "invalid_format"),
        ("/status", "read_only"),
    ];
    assert_eq!(codes, expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    for method in [Method::PATCH, Method::PUT, Method::DELETE] {
        let stale = admin
            .with("if-match", "\"7-0000000000000000\"")
            .send(method.clone(), &path, (method != Method::DELETE).then(|| second.clone()))
            .await;
        stale.refused(412, "stale_version");
    }
    assert_eq!(admin.get(&path).await.expect(200), without_warnings(&second));
    let tag = admin.get(&path).await.header("etag").to_owned();
    admin.with("if-match", tag).patch(&path, json!({"kind": "esim"})).await.expect(200);
}

#[scenario]
async fn a_card_that_a_draft_names_is_not_deleted_and_a_deleted_ones_number_serves_another(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("0.00").await;
    let named = admin.contract(contract).await["sim_id"].as_i64().unwrap();
    admin.delete(&format!("/sims/{named}")).await.refused(409, "sim_in_use");
    admin.activate(contract).await;
    let made = admin.post("/sims", sim()).await.expect(201);
    admin.delete(&format!("/sims/{}", made["id"])).await.expect(204);
    admin.get(&format!("/sims/{}", made["id"])).await.refused(404, "sim_not_found");
    // equal details and an equal number again
    let again = json!({"iccid": made["iccid"], "imsi": made["imsi"], "msisdn": made["msisdn"]});
    assert_eq!(admin.post("/sims", again).await.expect(201)["number_id"], made["number_id"]);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn whoever_sees_a_puk_is_on_record_and_whoever_may_not_neither_sees_nor_clears_it(app: &App) {
    let admin = app.admin().await;
    let made = admin.post("/sims", sim()).await.expect(201);
    let path = format!("/sims/{}", made["id"]);
    let reads = async |by: &str| {
        app.flush().await;
        admin
            .get(&format!("/audit?action=personal_data.read&entity=sim&actor={by}&page_size=500"))
            .await
            .expect(200)["count"]
            .as_i64()
            .unwrap()
    };
    assert_eq!(reads("admin").await, 0);
    for (n, list) in [&path, "/sims", "/sims/free", "/sims?cursor="].into_iter().enumerate() {
        assert!(admin.get(list).await.expect(200).to_string().contains("12345678"), "{list}");
        assert_eq!(reads("admin").await, n as i64 + 1, "{list}");
    }
    admin.post(&format!("{path}/block"), json!({"reason": "клон"})).await.expect(200);
    assert_eq!(reads("admin").await, 5);
    assert_eq!(admin.post(&format!("{path}/unblock"), json!({})).await.expect(200)["puk_code"], "12345678");

    let clerk = without_puk(app, &admin).await;
    for list in [&path, "/sims", "/sims/free"] {
        assert!(!clerk.get(list).await.expect(200).to_string().contains("12345678"), "{list}");
    }
    // sent back as read, left out, or null, it remains
    let read = clerk.get(&path).await.expect(200);
    clerk.put(&path, read.clone()).await.expect(200);
    clerk
        .put(
            &path,
            json!({"iccid": made["iccid"], "imsi": made["imsi"], "kind": "esim", "msisdn": made["msisdn"]}),
        )
        .await
        .expect(200);
    assert_eq!(
        clerk.patch(&path, json!({"puk_code": null, "kind": "physical"})).await.expect(200)["puk_code"],
        Value::Null
    );
    assert_eq!(admin.get(&path).await.expect(200)["puk_code"], "12345678");
    // a new PUK can be set without permission to read it
    assert_eq!(
        clerk.patch(&path, json!({"puk_code": "87654321"})).await.expect(200)["puk_code"],
        Value::Null
    );
    assert_eq!(admin.get(&path).await.expect(200)["puk_code"], "87654321");
    assert_eq!(reads("clerk").await, 0);
    let changed = admin.get("/audit?action=sim.updated&page_size=1").await.expect(200)["results"][0].clone();
    assert_eq!(changed["after"]["puk_code"], "changed");
    assert_eq!(
        app.scalar(
            "SELECT COUNT(*) FROM audit WHERE after LIKE '%12345678%' OR after LIKE '%87654321%' \
             OR before LIKE '%12345678%'"
        )
        .await,
        0
    );
}

#[scenario]
async fn free_cards_and_statistics_show_what_is_in_stock(app: &App) {
    let admin = app.admin().await;
    for state in STATES {
        Standing::of(&admin, state.0).await;
    }
    let bare = json!({
        "iccid": format!("8970103{:012}", unique()), "imsi": format!("25003{:010}", unique()), "kind": "esim"
    });
    let bare = id(&admin.post("/sims", bare).await.expect(201));
    let free = admin.get("/sims/free").await.expect(200);
    assert_eq!(free["count"], 2);
    assert!(free["results"].as_array().unwrap().iter().all(|sim| sim["status"] == "free"), "{free}");
    assert_eq!(admin.get("/sims/free?has_number=true").await.expect(200)["count"], 1);
    assert_eq!(
        admin.get("/sims/free?kind=esim&has_number=false").await.expect(200)["results"][0]["id"],
        bare
    );
    assert_eq!(admin.get("/sims/free?search=8970103").await.expect(200)["results"][0]["id"], bare);
    admin.get("/sims/free?status=active").await.refused(400, "unknown_parameter");

    admin.post("/numbers", json!({"first": "+79995550001", "count": 3})).await.expect(201);
    let number = admin.get("/numbers?search=79995550002").await.expect(200)["results"][0]["id"].clone();
    admin
        .post(&format!("/numbers/{number}/reserve"), json!({"until": "2026-01-31T10:00:00Z"}))
        .await
        .expect(200);
    let supervisor = app.user("supervisor").await;
    let found = supervisor.get("/sims/statistics").await.expect(200);
    let expected = json!({
        "total": 9, "by_status": {"free": 2, "active": 1, "suspended": 1, "blocked": 3, "closed": 2},
        "by_kind": {"physical": 8, "esim": 1}, "free_with_number": 1,
        "numbers": {"available": 5, "reserved": 1, "assigned": 5, "quarantined": 0, "ported_out": 0}
    });
    assert_eq!(found, expected);
    // the reservation expires, and no sweep has run
    app.advance(chrono::TimeDelta::hours(1));
    let found = app.admin().await.get("/sims/statistics").await.expect(200);
    assert_eq!(
        found["numbers"],
        json!({"available": 6, "reserved": 0, "assigned": 5, "quarantined": 0, "ported_out": 0})
    );
    app.user("operator").await.get("/sims/statistics").await.refused(403, "permission_missing");
}

#[scenario]
async fn a_free_card_that_is_activated_blocked_and_closed_at_once_ends_in_one_piece(app: &App) {
    let admin = app.admin().await;
    for _ in 0..10 {
        let contract = admin.draft("0.00").await;
        let sim = admin.contract(contract).await["sim_id"].clone();
        let asks = [
            (format!("/contracts/{contract}/activate"), json!({})),
            (format!("/sims/{sim}/block"), json!({"reason": "клон"})),
            (format!("/sims/{sim}/close"), json!({})),
            (format!("/sims/{sim}/unblock"), json!({})),
            (format!("/sims/{sim}/deactivate"), json!({"reason": "broken"})),
        ];
        let replies = futures_util::future::join_all(asks.into_iter().map(|(path, body)| {
            let admin = admin.clone();
            async move { admin.post(&path, body).await }
        }))
        .await;
        assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 409)), "{replies:?}");
        assert!(replies.iter().any(|reply| reply.status == 200), "{replies:?}");
        assert_eq!(app.violations().await, Vec::<String>::new());
    }
}
