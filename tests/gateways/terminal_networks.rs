//! Self-service terminals: repeats, several networks, look-ups, cancellations, and accounts as people type them.

use reqwest::Method;
use serde_json::json;

use super::{
    balance,
    terminals::{KEY, ask, pay, result, said, terminal},
};
use crate::harness::{App, Client, Reply, scenario};

const QIWI: &str = "the key of the network qiwi of the tests";
const OSMP: &str = "the key of the network osmp of the tests";
const BOTH: &str =
    "qiwi=the key of the network qiwi of the tests, osmp=the key of the network osmp of the tests";

async fn numbers(admin: &Client, contract: i64) -> (String, String) {
    let shown = admin.contract(contract).await;
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    (text(&shown["number"]), text(&shown["sim"]["msisdn"]))
}

/// Sends the parameters as a form.
async fn post(client: &Client, form: &str) -> Reply {
    let request = client
        .request(Method::POST, "/terminal/v1")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_owned());
    Reply::read(form.to_owned(), request.send().await.unwrap()).await
}

async fn payments(app: &App) -> i64 {
    app.scalar("SELECT COUNT(*) FROM payments WHERE transaction_type = 'payment'").await
}

#[scenario]
async fn a_repeat_of_pay_is_answered_as_the_first_time_whatever_has_changed(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let (number, _) = numbers(&admin, contract).await;
    let first = ask(&terminal(app), &pay("71", &number, "500.00")).await;
    assert_eq!(said(&first, "result").as_deref(), Some("0"));
    let lowered = [("TERMINAL_MAX", "100.00"), ("TERMINAL_MIN", "90.00")];
    app.beside(&lowered, async |other| {
        let terminal = terminal(other);
        for query in [
            pay("71", &number, "500.00"),
            pay("71", &number, "1.00"),
            pay("71", &number, "x"),
            pay("71", "nobody", "500.00"),
            pay("71", "9990000000", "500.00"),
            "command=pay&txn_id=71".to_owned(),
            format!("command=pay&txn_id=71&account={number}&sum=500.00"),
            format!("{}&sum=500.00&account={number}", pay("71", &number, "500.00")),
        ] {
            assert_eq!(ask(&terminal, &query).await.text, first.text, "{query}");
        }
        // the limits hold for everything else
        assert_eq!(result(&terminal, &pay("72", &number, "500.00")).await, "242");
        assert_eq!(result(&terminal, &pay("72", &number, "89.99")).await, "241");
        assert_eq!(
            result(&terminal, &format!("command=check&txn_id=71&account={number}&sum=500.00")).await,
            "242"
        );
    })
    .await;
    assert_eq!((payments(app).await, balance(&admin, contract).await.as_str()), (1, "500.00"));
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario(TERMINALS = BOTH)]
async fn each_network_has_a_key_and_ids_of_its_own(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let (number, _) = numbers(&admin, contract).await;
    let networks = [("", KEY), ("qiwi:", QIWI), ("osmp:", OSMP)];
    let mut first = Vec::new();
    for (name, key) in networks {
        let terminal = app.stranger().with("x-terminal-key", key);
        let reply = ask(&terminal, &pay("7", &number, "10.00")).await;
        let prv_txn = said(&reply, "prv_txn").unwrap();
        let payment = admin.get(&format!("/payments/{prv_txn}")).await.expect(200);
        assert_eq!(payment["transaction_id"], format!("terminal:{name}7"));
        // by the key alone, also as a password
        assert_eq!(ask(&terminal, &pay("7", &number, "10.00")).await.text, reply.text);
        first.push(prv_txn);
    }
    assert_eq!((payments(app).await, balance(&admin, contract).await.as_str()), (3, "30.00"));
    // a network cancels its own payments only
    let qiwi = app.stranger().with("x-terminal-key", QIWI);
    for (prv_txn, expected) in [(&first[0], "300"), (&first[2], "300"), (&first[1], "0")] {
        let query = format!("command=cancel&txn_id=8&prv_txn={prv_txn}");
        assert_eq!(result(&qiwi, &query).await, expected, "{prv_txn}");
    }
    assert_eq!(balance(&admin, contract).await, "20.00");
    ask(&app.stranger().with("x-terminal-key", "the key of the network x of the tests"), "command=check")
        .await
        .refused(401, "terminal_key_wrong");
    app.beside(&[("TERMINAL_KEY", ""), ("TERMINALS", BOTH)], async |other| {
        ask(&terminal(other), "command=check").await.refused(401, "terminal_key_wrong");
        let qiwi = other.stranger().with("x-terminal-key", QIWI);
        assert_eq!(
            said(&ask(&qiwi, &pay("7", "x", "x")).await, "prv_txn").as_deref(),
            Some(first[1].as_str())
        );
    })
    .await;
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_form_does_what_a_query_does(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    let (number, _) = numbers(&admin, contract).await;
    let terminal = terminal(app);
    let paid = post(&terminal, &pay("7", &number, "10.00")).await;
    assert_eq!(said(&paid, "result").as_deref(), Some("0"), "{}", paid.text);
    assert_eq!(post(&terminal, &pay("7", &number, "10.00")).await.text, paid.text);
    assert_eq!(ask(&terminal, &pay("7", &number, "10.00")).await.text, paid.text);
    for (form, expected) in [("", "300"), ("{\"command\": \"pay\"}", "300"), ("command=pay&txn_id=8", "300")]
    {
        assert_eq!(said(&post(&terminal, form).await, "result").as_deref(), Some(expected), "{form}");
    }
    post(&app.stranger(), &pay("9", &number, "10.00")).await.refused(401, "terminal_key_wrong");
    assert_eq!((payments(app).await, balance(&admin, contract).await.as_str()), (1, "10.00"));
}

#[scenario]
async fn a_look_up_tells_the_masked_name_and_the_sum_to_pay(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("600.00").await;
    let (number, _) = numbers(&admin, contract).await;
    let terminal = terminal(app);
    let shown = async |query: &str| {
        let reply = ask(&terminal, query).await;
        assert_eq!(said(&reply, "result").as_deref(), Some("0"), "{}", reply.text);
        let field = |name: &str| {
            let (_, rest) = reply.text.split_once(&format!("name=\"{name}\">")).unwrap();
            rest.split('<').next().unwrap().to_owned()
        };
        (field("name"), field("due"))
    };
    let look_up = format!("command=check&txn_id=1&account={number}");
    let masked = "Пётр Сергеевич И.".to_owned();
    admin.activate(contract).await;
    for query in [look_up.clone(), format!("{look_up}&sum=0"), format!("{look_up}&sum=0.00")] {
        assert_eq!(shown(&query).await, (masked.clone(), "600.00".to_owned()), "{query}");
    }
    admin.pay(contract, "250.00").await;
    assert_eq!(shown(&format!("{look_up}&sum=5.00")).await, (masked.clone(), "350.00".to_owned()));
    admin.pay(contract, "1000.00").await;
    assert_eq!(shown(&look_up).await, (masked, "0.00".to_owned()));
    // an organization is shown by its name, and a debt as a sum to pay
    let name = "ООО «Ромашка & Ко»";
    let organization = json!({
        "customer_type": "organization", "organization_name": name, "organization_code": "1027700132195",
        "inn": "7707083893", "phone": "+74951234567"
    });
    let customer = crate::harness::id(&admin.post("/customers", organization).await.expect(201));
    let draft = json!({"customer_id": customer, "tariff_id": admin.prepaid_tariff("1.00").await});
    let theirs = crate::harness::id(&admin.post("/contracts", draft).await.expect(201));
    let correction = json!({"contract_id": theirs, "amount": "-70.00", "reason": "x"});
    admin.post("/payments/corrections", correction).await.expect(201);
    let number = admin.contract(theirs).await["number"].as_str().unwrap().to_owned();
    let (name, due) = shown(&format!("command=check&txn_id=1&account={number}")).await;
    assert_eq!((name.as_str(), due.as_str()), ("ООО «Ромашка &amp; Ко»", "71.00"));
    // no look-up of a terminated contract that owes nothing
    admin.post(&format!("/contracts/{contract}/terminate"), json!({"reason": "x"})).await.expect(200);
    assert_eq!(result(&terminal, &look_up).await, "7");
}

#[scenario]
async fn a_terminal_cancels_a_payment_while_the_balance_covers_it(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("60.00").await;
    let (number, _) = numbers(&admin, contract).await;
    let terminal = terminal(app);
    let paid = async |txn_id: &str, sum: &str| {
        said(&ask(&terminal, &pay(txn_id, &number, sum)).await, "prv_txn").unwrap()
    };
    let cancel = |prv_txn: &str| format!("command=cancel&txn_id=9&prv_txn={prv_txn}");
    let first = paid("1", "100.00").await;
    let done = ask(&terminal, &cancel(&first)).await;
    for (name, value) in
        [("result", "0"), ("osmp_txn_id", "9"), ("prv_txn", first.as_str()), ("sum", "100.00")]
    {
        assert_eq!(said(&done, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(balance(&admin, contract).await, "0.00");
    let shown = admin.get(&format!("/payments/{first}")).await.expect(200);
    assert_eq!((&shown["status"], &shown["refunded_amount"]), (&json!("refunded"), &json!("100.00")));
    // a repeat changes nothing, and a repeat of pay is still answered as the first time
    assert_eq!(ask(&terminal, &cancel(&first)).await.text, done.text);
    assert_eq!(paid("1", "100.00").await, first);
    assert_eq!((app.count("payments").await, balance(&admin, contract).await.as_str()), (2, "0.00"));

    // what has been used, or given back by staff, is not given back
    let used = paid("2", "100.00").await;
    admin.activate(contract).await;
    assert_eq!(balance(&admin, contract).await, "40.00");
    let by_hand = paid("3", "10.00").await;
    admin.post(&format!("/payments/{by_hand}/refund"), json!({"reason": "x"})).await.expect(200);
    let in_part = paid("4", "10.00").await;
    let part = json!({"reason": "x", "amount": "1.00"});
    admin.post(&format!("/payments/{in_part}/refund"), part).await.expect(200);
    let cash = admin.pay(contract, "5.00").await["id"].to_string();
    let before = app.standing(&admin, contract).await;
    for (prv_txn, expected) in [
        (used.as_str(), "7"),
        (by_hand.as_str(), "7"),
        (in_part.as_str(), "7"),
        (cash.as_str(), "300"),
        ("999999", "300"),
        ("x", "300"),
        ("", "300"),
    ] {
        assert_eq!(result(&terminal, &cancel(prv_txn)).await, expected, "{prv_txn}");
    }
    assert_eq!(app.standing(&admin, contract).await, before);
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn an_account_is_found_in_any_form_that_people_type(app: &App) {
    let admin = app.admin().await;
    let contract = admin.draft("1.00").await;
    admin.activate(contract).await;
    let (number, msisdn) = numbers(&admin, contract).await;
    let (month, rest) = number.split_once('-').unwrap();
    let (code, a, b, c) = (&msisdn[2..5], &msisdn[5..8], &msisdn[8..10], &msisdn[10..12]);
    let terminal = terminal(app);
    for account in [
        format!("8 ({code}) {a}-{b}-{c}"),
        format!("+7 {code} {a} {b} {c}"),
        format!("%2B7({code}){a}-{b}-{c}"),
        format!("{code}.{a}.{b}.{c}"),
        format!("8\u{a0}{code}\u{a0}{a}\u{2011}{b}\u{2013}{c}"),
        format!("{month}{rest}"),
        format!("№ {month} {}", rest.to_lowercase()),
        format!("{month}–{}", rest.replace('0', "O").replace('1', "l").replace('B', "В")),
    ] {
        let query = format!("command=check&txn_id=1&account={account}");
        assert_eq!(result(&terminal, &query).await, "0", "{account}");
    }
    assert_eq!(app.count("payments").await, 0);
}
