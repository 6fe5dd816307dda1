//! Every code that a problem may have, and an example of each problem.

use kernel::{
    Code,
    error::{common, field},
};
use messages::Locale;
use serde_json::{Map, Value, json};

use crate::problem;

/// Every code that a problem may have, by the crate that refuses with it.
pub fn all() -> Vec<Code> {
    let tables: [&[Code]; 14] = [
        common::ALL,
        acl::refusal::ALL,
        gateways::refusal::ALL,
        billing::refusal::ALL,
        billing::explanation::refusal::ALL,
        billing::promise::refusal::ALL,
        billing::run::refusal::ALL,
        contracts::refusal::ALL,
        customers::refusal::ALL,
        notifications::refusal::ALL,
        payments::refusal::ALL,
        sims::refusal::ALL,
        tariffs::refusal::ALL,
        tickets::refusal::ALL,
    ];
    tables.concat()
}

/// The code with this name.
pub fn named(name: &str) -> Option<Code> {
    all().into_iter().find(|code| code.name == name)
}

/// The schemas of the names of problems and of what is wrong with fields.
pub fn schemas() -> [(&'static str, Value); 2] {
    let mut problems: Vec<&str> = all().iter().map(|code| code.name).collect();
    problems.sort_unstable();
    let mut fields: Vec<&str> = field::ALL.to_vec();
    fields.sort_unstable();
    let schema = |names: Vec<&str>, description: &str| json!({"type": "string", "enum": names, "description": description});
    [
        ("ProblemCode", schema(problems, "The stable name of a problem. Later versions may add names.")),
        ("FieldCode", schema(fields, "The stable name of what is wrong with a field. Later versions may add names.")),
    ]
}

/// An example of each problem, by its code.
pub fn examples() -> Map<String, Value> {
    all().into_iter().map(|code| (code.name.to_owned(), json!({"summary": code.name, "value": example(code)}))).collect()
}

/// Values for the texts of the examples.
const VALUES: [(&str, &str); 52] = [
    ("action", "block"),
    ("balance", "12.50"),
    ("bound", "no"),
    ("channel", "sms"),
    ("choices", "prepaid, postpaid"),
    ("code", "DATA10"),
    ("codes", "DATA10"),
    ("contracts", "2"),
    ("credit_limit", "1000.00"),
    ("day", "2026-02-01"),
    ("digits", "10"),
    ("discount", "20"),
    ("due", "2026-01-31"),
    ("field", "customer_type"),
    ("forgotten", "511"),
    ("from", "2026-01-31"),
    ("headers", "authorization, content-type"),
    ("iccid", "8970199123456789012"),
    ("id", "7"),
    ("into", "31"),
    ("known", "status, search, page, page_size, cursor, ordering"),
    ("left", "480.00"),
    ("limit", "20"),
    ("max", "200"),
    ("min", "1"),
    ("missing", "1"),
    ("most", "100"),
    ("msisdn", "+79161234567"),
    ("name", "Смарт"),
    ("newest", "512"),
    ("number", "202601-7K3M9QXA"),
    ("numbers", "+79161234567"),
    ("owner", "7 (Иванова А. С.)"),
    ("payment", "88"),
    ("permission", "contracts:activate"),
    ("prefix", "+7"),
    ("prefixes", "+7"),
    ("reach", "100000"),
    ("reason", "request"),
    ("refund", "9"),
    ("role", "cashier"),
    ("status", "active"),
    ("survivor", "7"),
    ("title", "Перезагрузка телефона"),
    ("type", "refund"),
    ("types", "refund"),
    ("until", "2026-02-01T00:00:00+00:00"),
    ("username", "a.ivanova"),
    ("users", "3"),
    ("whose", "all"),
    ("why", "old"),
    ("accepted", "application/json"),
];

fn example(code: Code) -> Value {
    let (english, status) = (Locale::negotiate(Some("en")), problem::status(code.kind));
    let args: Vec<(&str, String)> = VALUES.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let errors: Vec<Value> = wrong_fields(code).iter().map(|(pointer, wrong)| wrong_field(english, pointer, wrong)).collect();
    json!({
        "type": format!("urn:telecom-crm:problem:{}", code.name),
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": english.text(code.name, &args),
        "code": code.name,
        "instance": "/api/v1/customers/7",
        "request_id": "0193f0a2-6a5e-7c3b-9f64-2f6f0c1d2e3f",
        "errors": errors
    })
}

/// The wrong fields of an example, where a problem has any.
fn wrong_fields(code: Code) -> &'static [(&'static str, &'static str)] {
    match code.name {
        "invalid" => &[("/last_name", field::REQUIRED), ("/colour", field::UNKNOWN)],
        "invalid_parameter" => &[("page_size", field::RANGE)],
        "customer_duplicate" => &[("/phone", field::DUPLICATE)],
        "sim_duplicate" => &[("/iccid", field::DUPLICATE)],
        "payment_duplicate" => &[("/transaction_id", field::DUPLICATE)],
        "tariff_name_taken" => &[("/name", field::DUPLICATE)],
        "option_code_taken" => &[("/code", field::DUPLICATE)],
        "number_taken" => &[("/msisdn", field::DUPLICATE)],
        "canned_answer_title_taken" => &[("/title", field::DUPLICATE)],
        _ => &[],
    }
}

fn wrong_field(english: &Locale, pointer: &str, code: &str) -> Value {
    let bounds = [("min", "1".to_owned()), ("max", "500".to_owned())];
    json!({"pointer": pointer, "code": code, "message": english.text(code, &bounds)})
}
