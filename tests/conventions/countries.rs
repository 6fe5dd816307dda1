//! Country profiles: the formats of phones, documents and tax numbers.

use serde_json::{Value, json};

use super::raw::encoded;
use crate::harness::{App, Reply, person, scenario, unique};

/// A person with this phone and these fields changed.
fn with(phone: &str, changes: &[(&str, Value)]) -> Value {
    let mut one = person();
    one["phone"] = json!(phone);
    one["inn"] = Value::Null;
    for (field, value) in changes {
        one[*field] = value.clone();
    }
    one
}

/// The fields of a passport.
fn passport(series: &Value, number: &str) -> [(&'static str, Value); 2] {
    [("passport_series", series.clone()), ("passport_number", json!(number))]
}

/// The fields of a new driver's licence.
fn licence() -> [(&'static str, Value); 3] {
    [
        ("document_type", json!("driver_license")),
        ("passport_series", Value::Null),
        ("passport_number", json!(format!("{:09}", unique()))),
    ]
}

/// Checks that this field is wrong, and no other.
#[track_caller]
fn only_wrong(reply: &Reply, field: &str, code: &str, written: &str) {
    assert_eq!(reply.wrong_fields(), [(format!("/{field}"), code.to_owned())], "{written}: {}", reply.text);
}

/// An invalid passport and the expected error.
struct NoPassport {
    series: Value,
    number: &'static str,
    field: &'static str,
    code: &'static str,
}

impl NoPassport {
    /// A passport with an invalid series.
    fn series(series: &str, number: &'static str) -> Self {
        Self { series: json!(series), number, field: "passport_series", code: "invalid_document" }
    }

    /// A passport with an invalid number.
    fn number(series: impl Into<Value>, number: &'static str) -> Self {
        Self { series: series.into(), number, field: "passport_number", code: "invalid_document" }
    }

    /// A passport without its required series.
    fn without_series(number: &'static str) -> Self {
        Self { series: Value::Null, number, field: "passport_series", code: "required" }
    }
}

struct Forms {
    phones: [&'static str; 2],
    no_phones: Vec<&'static str>,
    inns: Vec<&'static str>,
    no_inns: Vec<&'static str>,
    /// Series and number.
    passports: Vec<(Value, &'static str)>,
    no_passports: Vec<NoPassport>,
}

async fn hold(app: &App, forms: Forms) {
    let admin = app.admin().await;
    let (series, number) = forms.passports[0].clone();
    let mut next = 0;
    let mut phone = || {
        next += 1;
        let [first, _] = forms.phones;
        format!("{}{next:04}", &first[..first.len() - 4])
    };
    let document = passport(&series, number);
    for good in forms.phones {
        admin.post("/customers", with(good, &licence())).await.expect(201);
        let n = unique();
        admin
            .post(
                "/sims",
                json!({"iccid": format!("8970101{n:012}"), "imsi": format!("25001{n:010}"), "msisdn": good}),
            )
            .await
            .expect(201);
    }
    let made = admin.get("/customers").await.expect(200)["count"].clone();
    for bad in forms.no_phones {
        let reply = admin.post("/customers", with(bad, &document)).await;
        only_wrong(&reply, "phone", "invalid_phone", bad);
        let reply = admin.post("/numbers", json!({"first": bad})).await;
        only_wrong(&reply, "first", "invalid_phone", bad);
    }
    for bad in forms.no_inns {
        let reply = admin
            .post("/customers", with(&phone(), &[document.as_slice(), &[("inn", json!(bad))]].concat()))
            .await;
        only_wrong(&reply, "inn", "invalid_inn", bad);
    }
    for NoPassport { series, number, field, code } in forms.no_passports {
        let reply = admin.post("/customers", with(&phone(), &passport(&series, number))).await;
        only_wrong(&reply, field, code, &format!("{series} {number}"));
    }
    assert_eq!(admin.get("/customers").await.expect(200)["count"], made);
    for (series, number) in &forms.passports {
        let one = admin.post("/customers", with(&phone(), &passport(series, number))).await.expect(201);
        assert_eq!((&one["passport_series"], one["passport_number"].as_str()), (series, Some(*number)));
    }
    for inn in forms.inns {
        let document = [licence().as_slice(), &[("inn", json!(inn))]].concat();
        assert_eq!(admin.post("/customers", with(&phone(), &document)).await.expect(201)["inn"], inn);
    }
}

#[scenario]
async fn russian_forms_hold_where_nothing_is_set(app: &App) {
    hold(
        app,
        Forms {
            phones: ["+79161230001", "+79990000000"],
            no_phones: vec![
                "+7916123000",
                "+791612300011",
                "123-00-01",
                "+7916123000a",
                "+7 916 123 00 01 доб. 5",
                "89161230001, 89161230002",
                "+7٩١٦١٢٣٠٠٠",
                "",
            ],
            inns: vec!["7707083893", "500100732259"],
            no_inns: vec![
                "770708389",
                "77070838931",
                "5001007322591",
                "12345678901234",
                "770708389a",
                "7707083894",
                "500100732258",
                "500100732269",
            ],
            passports: vec![(json!("4510"), "123456"), (json!("0000"), "000000")],
            no_passports: vec![
                NoPassport::series("451", "123456"),
                NoPassport::series("45-10", "123456"),
                NoPassport::without_series("123456"),
                NoPassport::number("4510", "12345"),
                NoPassport::number("4510", "12345a"),
            ],
        },
    )
    .await;
}

#[scenario(COUNTRY = "kg")]
async fn kyrgyz_forms_hold_where_the_country_is_kg(app: &App) {
    hold(
        app,
        Forms {
            phones: ["+996555120001", "+996700000000"],
            no_phones: vec!["+99655512000", "+9965551200011", "+7916123000", "8 555 120001", "12-00-01"],
            inns: vec!["12345678901234"],
            no_inns: vec!["7707083893", "500100732259", "1234567890123", "123456789012345", "1234567890123a"],
            passports: vec![(json!("AN"), "1234567"), (json!("ID12345678"), "AB12")],
            no_passports: vec![
                NoPassport::series("A", "1234567"),
                NoPassport::number("ABCDEFGH", "123"),
                NoPassport::without_series("1234567"),
                NoPassport::series("АЖ", "1234567"),
                NoPassport::number("AN", "1234567890123"),
                NoPassport::number("AN", "1234-567"),
            ],
        },
    )
    .await;
    // Bishkek is three hours ahead of Moscow
    app.advance("2026-02-27T18:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap() - app.clock.now());
    let admin = app.admin().await;
    let (tariff, customer) = (
        admin.prepaid_tariff("1.00").await,
        admin.get("/customers").await.expect(200)["results"][0]["id"].clone(),
    );
    let contract =
        admin.post("/contracts", json!({"customer_id": customer, "tariff_id": tariff})).await.expect(201);
    assert_eq!(contract["signed_date"], "2026-02-28");
}

#[scenario(COUNTRY = "kz")]
async fn kazakh_forms_hold_where_the_country_is_kz(app: &App) {
    hold(
        app,
        Forms {
            phones: ["+77011230001", "+77770000000"],
            no_phones: vec!["+7701123000", "+770112300011", "+99655512000", "1230001"],
            inns: vec!["860904350504", "123456789013"],
            no_inns: vec!["7707083893", "12345678901", "12345678901234", "123456789012", "860904350505"],
            passports: vec![(Value::Null, "N12345678"), (json!("N"), "123456789")],
            no_passports: vec![
                NoPassport::number(Value::Null, "N1234567"),
                NoPassport::number(Value::Null, "N123456789"),
                NoPassport::series("N-1", "N12345678"),
            ],
        },
    )
    .await;
}

#[scenario(COUNTRY = "uz")]
async fn uzbek_forms_hold_where_the_country_is_uz(app: &App) {
    hold(
        app,
        Forms {
            phones: ["+998901230001", "+998330000000"],
            no_phones: vec![
                "+99890123000",
                "+9989012300011",
                "+7916123000",
                "+99655512000",
                "99890123000",
                "8901230",
                "123-00-01",
            ],
            inns: vec!["31705900123456"],
            no_inns: vec![
                "301234567",
                "7707083893",
                "500100732259",
                "3170590012345",
                "317059001234567",
                "3170590012345a",
            ],
            passports: vec![(json!("AA"), "1234567"), (json!("KA"), "0000000")],
            no_passports: vec![
                NoPassport::series("A", "1234567"),
                NoPassport::series("AAA", "1234567"),
                NoPassport::series("A1", "1234567"),
                NoPassport::series("ЖА", "1234567"),
                NoPassport::without_series("1234567"),
                NoPassport::number("AA", "123456"),
                NoPassport::number("AA", "12345678"),
                NoPassport::number("AA", "123456A"),
            ],
        },
    )
    .await;
    let admin = app.admin().await;
    let organization = |phone: &str, inn: &str| {
        json!({
            "customer_type": "organization", "organization_name": "ООО «Вектор»", "organization_code": "20123456",
            "inn": inn, "phone": phone
        })
    };
    for bad in ["31705900123456", "30123456", "3012345678", "30123456a"] {
        let reply = admin.post("/customers", organization("+998901239999", bad)).await;
        only_wrong(&reply, "inn", "invalid_inn", bad);
    }
    let firm = admin.post("/customers", organization("+998901239999", "301234567")).await.expect(201);
    assert_eq!(firm["inn"], "301234567");
    for written in ["998901239999", "8 90 123-99-99", "90 123-99-99", "(90) 123 99 99"] {
        let found = admin.get(&format!("/search?q={}", encoded(written))).await.expect(200);
        assert_eq!(found["results"][0]["id"], firm["id"], "{written}");
    }
    assert_eq!(admin.get("/payments/gateways").await.expect(200)["currency"], "UZS");
    // Tashkent is two hours ahead of Moscow
    app.advance("2026-02-27T19:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap() - app.clock.now());
    let admin = app.admin().await;
    let tariff = admin.prepaid_tariff("1.00").await;
    let contract =
        admin.post("/contracts", json!({"customer_id": firm["id"], "tariff_id": tariff})).await.expect(201);
    assert_eq!(contract["signed_date"], "2026-02-28");
}
