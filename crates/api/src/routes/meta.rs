//! What a client needs to know about this installation before it draws a screen.

use std::collections::BTreeMap;

use actix_web::get;
use database::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, REACH};
use kernel::{Money, country::Country};
use notifications::Channel;
use serde::Serialize;
use tickets::{MOST_BYTES, MOST_FILES};
use utoipa::ToSchema;

use crate::{
    answer::{Answer, Reply},
    call::Call,
    extract::BODY_LIMIT,
    idempotency,
    routes::mount::Mount,
    served,
};

/// Mounts the endpoint.
pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(get_meta);
}

/// What a client needs to know about this installation.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "version": "0.1.0", "country": "ru", "currency": "RUB", "time_zone": "Europe/Moscow", "languages": ["en", "ru"],
    "phone": {"prefix": "+7", "trunk_prefix": "8", "digits": 10, "pattern": "^\\+7[0-9]{10}$", "example": "+79161234567"},
    "limits": {
        "page_size_default": 100, "page_size": 500, "page_rows": 100_000, "body_bytes": 1_048_576, "attachment_bytes": 10_485_760,
        "attachments_per_ticket": 100, "idempotency_hours": 48, "promise_amount": "500.00", "promise_days": 3
    },
    "parts": {"gateways": ["sandbox"], "terminals": true, "email": true, "sms": false, "promised_payments": true, "event_streams": true},
    "enums": {"SimKind": [
        {"value": "physical", "words": {"en": "Physical card", "ru": "SIM-карта"}}, {"value": "esim", "words": {"en": "eSIM", "ru": "eSIM"}}
    ]}
}))]
pub struct Meta {
    /// The version of the program.
    version: &'static str,
    /// The country that the operator works in.
    country: &'static str,
    /// ISO 4217 code of the currency of all amounts.
    currency: &'static str,
    /// The operator's time zone, in which dates are meant.
    time_zone: &'static str,
    /// The languages of messages.
    languages: Vec<&'static str>,
    /// The form of the country's phone numbers.
    phone: PhoneForm,
    /// How large things may be.
    limits: Limits,
    /// Which parts of the program are switched on.
    parts: Parts,
    /// The values of each enum of the OpenAPI document, by the name of its schema, in their order, with their words.
    #[schema(value_type = BTreeMap<String, Vec<EnumValue>>)]
    enums: &'static BTreeMap<String, Vec<EnumValue>>,
}

/// The form of a country's phone numbers.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"prefix": "+7", "trunk_prefix": "8", "digits": 10, "pattern": "^\\+7[0-9]{10}$", "example": "+79161234567"}))]
pub struct PhoneForm {
    /// The international prefix.
    prefix: &'static str,
    /// What people dial within the country instead of it.
    trunk_prefix: &'static str,
    /// How many digits follow the prefix.
    digits: usize,
    /// A regular expression for a number as the API returns it.
    pattern: String,
    /// An example.
    example: String,
}

impl PhoneForm {
    fn of(country: Country) -> Self {
        let (prefix, digits) = (country.phone_prefix(), country.phone_digits());
        let pattern = format!(r"^\+{}[0-9]{{{digits}}}$", prefix.trim_start_matches('+'));
        let example = format!("{prefix}{}", "9161234567".chars().take(digits).collect::<String>());
        Self { prefix, trunk_prefix: country.trunk_prefix(), digits, pattern, example }
    }
}

/// How large things may be.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "page_size_default": 100, "page_size": 500, "page_rows": 100_000, "body_bytes": 1_048_576, "attachment_bytes": 10_485_760,
    "attachments_per_ticket": 100, "idempotency_hours": 48, "promise_amount": "500.00", "promise_days": 3
}))]
pub struct Limits {
    /// Rows of a page without `page_size`.
    page_size_default: i64,
    /// Most rows of a page.
    page_size: i64,
    /// Rows that page numbers reach, and up to which `count` is exact.
    page_rows: i64,
    /// The size of a JSON body.
    body_bytes: usize,
    /// The size of an attached file.
    attachment_bytes: u64,
    /// The number of files of a ticket.
    attachments_per_ticket: i64,
    /// For how long an `Idempotency-Key` is known.
    idempotency_hours: i64,
    /// The most that a promised payment credits.
    promise_amount: Money,
    /// For how many days a payment can be promised.
    promise_days: i64,
}

/// Which parts of the program are switched on.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "gateways": ["sandbox"], "terminals": true, "email": true, "sms": false, "promised_payments": true, "event_streams": true
}))]
pub struct Parts {
    /// The names of the payment gateways in use.
    gateways: Vec<&'static str>,
    /// Whether self-service terminals can pay.
    terminals: bool,
    /// Whether e-mail is sent.
    email: bool,
    /// Whether text messages are sent.
    sms: bool,
    /// Whether payments can be promised.
    promised_payments: bool,
    /// Whether events can be streamed.
    event_streams: bool,
}

/// A value of an enum, with its words in each language.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"value": "physical", "words": {"en": "Physical card", "ru": "SIM-карта"}}))]
pub struct EnumValue {
    /// The value in requests and responses.
    pub value: String,
    /// What people call it, by language.
    #[schema(value_type = BTreeMap<String, String>)]
    pub words: BTreeMap<&'static str, String>,
}

/// Describes this installation: country, currency, limits, parts in use, words for each enum value.
///
/// Needs no token, so that a client can draw its first screen.
#[utoipa::path(tag = "meta", responses((status = 200, description = "The description.", body = Meta)))]
#[get("/meta")]
async fn get_meta(call: Call) -> Reply {
    let (policy, state) = (call.context().policy.clone(), &call.state);
    let (country, rules) = (policy.country, &state.couriers.rules);
    let meta = Meta {
        version: env!("CARGO_PKG_VERSION"),
        country: country.as_str(),
        currency: country.currency(),
        time_zone: policy.time_zone.name(),
        languages: messages::Locale::all().map(messages::Locale::tag).collect(),
        phone: PhoneForm::of(country),
        limits: Limits {
            page_size_default: DEFAULT_PAGE_SIZE,
            page_size: MAX_PAGE_SIZE,
            page_rows: REACH,
            body_bytes: BODY_LIMIT,
            attachment_bytes: MOST_BYTES,
            attachments_per_ticket: MOST_FILES,
            idempotency_hours: idempotency::LIFE.num_hours(),
            promise_amount: policy.promise.max,
            promise_days: policy.promise.days,
        },
        parts: Parts {
            gateways: state.gateways.names(),
            terminals: !state.terminal.keys.is_empty(),
            email: rules.has(Channel::Email),
            sms: rules.has(Channel::Sms),
            promised_payments: policy.promise.max > Money::ZERO,
            event_streams: state.settings.event_streams > 0,
        },
        enums: served::enums(),
    };
    Ok(Answer::ok(&meta)?)
}
