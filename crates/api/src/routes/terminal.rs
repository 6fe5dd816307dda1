//! Self-service terminals: their protocol over GET and POST, with responses in XML.

use acl::{Granted, Secret, perm};
use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, HeaderName},
    post,
};
use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use gateways::{
    TERMINAL, refusal,
    terminal::{Network, NewPayment, Request, ResultCode, TerminalRefusal, TerminalResponse, paid_txn_id, txn_id},
};
use kernel::{Error, Kind, Money, id::PaymentId};
use payments::Payment;
use utoipa::{IntoParams, ToSchema};

use crate::{call::Call, extract::AnyBody, problem::Refused, routes::mount::Mount};

const KEY: HeaderName = HeaderName::from_static("x-terminal-key");

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(terminal_request).service(terminal_form);
}

/// What a terminal sends, in a query string or in a form. It is read leniently, because terminals get their answers in XML.
#[derive(IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[schema(example = json!({"command": "check", "txn_id": "1234567", "account": "9161234567", "sum": "10.45"}))]
#[allow(dead_code, reason = "it describes the parameters, and is not filled")]
struct TerminalForm {
    /// `check`, `pay` or `cancel`.
    command: String,
    /// The terminal's own id of the payment, up to 20 digits.
    txn_id: String,
    /// The number of a contract or a phone number, with any separators; required for `check` and `pay`.
    account: Option<String>,
    /// The sum, with at most two decimals; required for `pay`.
    sum: Option<String>,
    /// When the money was inserted: YYYYMMDDHHMMSS; required for `pay`.
    txn_date: Option<String>,
    /// The id of the payment to cancel, from the response to `pay`; required for `cancel`.
    prv_txn: Option<String>,
}

/// Checks, takes or cancels a payment of a self-service terminal.
///
/// `check` tells whether an account accepts a sum; without a sum, or with 0, it is a look-up. It returns what the terminal may show:
/// `name`, the subscriber's name without the family name, and `due`, the sum to pay. `pay` takes the sum. `cancel` gives a payment
/// back, while the balance covers it. The terminal sends the key of its network, from `TERMINAL_KEY` or `TERMINALS`, in the header
/// `X-Terminal-Key`, or as the password of HTTP Basic with any user name. Errors of a request are reported in XML with status 200, by
/// `result`: 0 done, 1 try again later, 4 malformed account, 5 no such account, 7 the account takes no payment or the payment cannot
/// be cancelled, 241 the sum is too small, 242 too large, 300 anything else. `pay` with a `txn_id` that its network has already paid
/// gets the first response, whatever the other parameters are. Unknown parameters are ignored.
#[utoipa::path(
    tag = "payments",
    params(
        TerminalForm,
        ("X-Terminal-Key" = Option<String>, Header, description = "The key, unless HTTP Basic has it.")
    ),
    responses(
        (status = 200, description = "The response of the protocol.", body = String, content_type = "text/xml"),
        (status = 401, description = "`terminal_key_wrong`: the key is missing or wrong."),
        (status = 404, description = "`terminal_off`: neither `TERMINAL_KEY` nor `TERMINALS` is set.")
    )
)]
#[get("/terminal/v1")]
async fn terminal_request(call: Call, request: HttpRequest) -> Result<HttpResponse, Refused> {
    respond(call.acting_as(TERMINAL), request.query_string(), "").await
}

/// Checks, takes or cancels a payment of a self-service terminal that sends a form.
///
/// The parameters and the responses are those of `GET /terminal/v1`. They are in the body, encoded as in a query string; those in
/// the query string count too.
#[utoipa::path(
    tag = "payments",
    params(("X-Terminal-Key" = Option<String>, Header, description = "The key, unless HTTP Basic has it.")),
    request_body(
        content = TerminalForm, content_type = "application/x-www-form-urlencoded", description = "The parameters."
    ),
    responses(
        (status = 200, description = "The response of the protocol.", body = String, content_type = "text/xml"),
        (status = 401, description = "`terminal_key_wrong`: the key is missing or wrong."),
        (status = 404, description = "`terminal_off`: neither `TERMINAL_KEY` nor `TERMINALS` is set."),
        (status = 413, description = "The body is over 16 KiB.")
    )
)]
#[post("/terminal/v1")]
async fn terminal_form(call: Call, request: HttpRequest, body: AnyBody) -> Result<HttpResponse, Refused> {
    let form = String::from_utf8_lossy(&body.0);
    respond(call.acting_as(TERMINAL), request.query_string(), form.trim()).await
}

async fn respond(call: Call, query: &str, form: &str) -> Result<HttpResponse, Refused> {
    let keys = &call.state.terminal.keys;
    if keys.is_empty() {
        return Err(refusal::TERMINAL_OFF.into());
    }
    let given = given_key(&call).unwrap_or_default();
    let mut network = None;
    // all keys are compared, so that the time does not tell which one is right
    for key in keys {
        if is_same(&given, &key.key) {
            network = Some(&key.network);
        }
    }
    let network = network.ok_or_else(|| Error::new(refusal::TERMINAL_KEY_WRONG).with("challenge", "Basic realm=\"terminal\""))?;
    let parameters = |text: &str| serde_urlencoded::from_str::<Vec<(String, String)>>(text).unwrap_or_default();
    let pairs = [parameters(query), parameters(form)].concat();
    let locale = call.locale();
    let (outcome, result, comment) = match answer(&call, network, &pairs).await {
        Ok(outcome) => (outcome, ResultCode::Ok, "OK".to_owned()),
        Err(refusal) => (Outcome::default(), refusal.result, locale.text(refusal.code, &refusal.args)),
    };
    let Outcome { payment, sum, fields } = outcome;
    let reply = TerminalResponse { txn_id: txn_id(&pairs), payment, sum, result, comment: &comment, fields: &fields };
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, "text/xml; charset=utf-8")).insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(response.body(reply.xml()))
}

/// The key sent with the request.
fn given_key(call: &Call) -> Option<String> {
    if let Some(key) = call.header(KEY) {
        return Some(key.to_owned());
    }
    let (scheme, encoded) = call.header(header::AUTHORIZATION)?.split_once(' ')?;
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| BASE64_STANDARD.decode(encoded.trim()).ok()).flatten()?;
    String::from_utf8(decoded).ok()?.split_once(':').map(|(_, password)| password.to_owned())
}

/// Compares by hashes, so that the time depends neither on the content nor on the length.
fn is_same(given: &str, key: &Secret) -> bool {
    let hash = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
    verify_slices_are_equal(hash(given).as_ref(), hash(key.reveal()).as_ref()).is_ok()
}

/// What a request has led to.
#[derive(Default)]
struct Outcome {
    payment: Option<PaymentId>,
    sum: Option<Money>,
    fields: Vec<(&'static str, String)>,
}

impl Outcome {
    fn paid(payment: &Payment) -> Self {
        Self { payment: Some(payment.id), sum: Some(payment.amount), fields: Vec::new() }
    }
}

async fn answer(call: &Call, network: &Network, pairs: &[(String, String)]) -> Result<Outcome, TerminalRefusal> {
    let told = |error: Error| {
        note(call, &error);
        TerminalRefusal::of(&error)
    };
    // before anything else is looked at: the terminal repeats a payment that was taken, whatever has changed since
    if let Some(txn_id) = paid_txn_id(pairs)
        && let Some(payment) = known(call, network, txn_id).await.map_err(told)?
    {
        return Ok(Outcome::paid(&payment));
    }
    match Request::read(pairs, call.context().policy.country, call.state.terminal.bounds)? {
        Request::Pay(payment) => pay(call, network, &payment).await.map_err(told)?.ok_or_else(TerminalRefusal::no_account),
        Request::Check { account, sum } => {
            let looked_up = call.read(async |conn| match gateways::contract_of(conn, &account).await? {
                Some(id) => gateways::check(conn, id, sum).await.map(Some),
                None => Ok(None),
            });
            let found = looked_up.await.map_err(told)?.ok_or_else(TerminalRefusal::no_account)?;
            Ok(Outcome { sum, fields: vec![("name", found.name), ("due", found.due.to_string())], payment: None })
        }
        Request::Cancel { payment } => {
            let granted = Granted::<perm::PaymentsRefund>::system(TERMINAL);
            let work = call.state.db.transaction(call.context(), async |tx| gateways::cancel(tx, &granted, network, payment).await);
            let cancelled = work.await.map_err(|error| {
                note(call, &error);
                TerminalRefusal::of_cancellation(&error)
            })?;
            Ok(Outcome::paid(&cancelled))
        }
    }
}

/// Logs an error after which the terminal tries again.
fn note(call: &Call, error: &Error) {
    if matches!(error.kind(), Kind::Internal | Kind::Unavailable) {
        log::error!(request_id = &*call.context().origin.request_id; "a terminal must try again: {error}");
    }
}

async fn known(call: &Call, network: &Network, txn_id: &str) -> kernel::Result<Option<Payment>> {
    call.read(async |conn| gateways::known(conn, network, txn_id).await).await
}

/// Takes the payment once. Returns `None` if there is no such account.
async fn pay(call: &Call, network: &Network, payment: &NewPayment) -> kernel::Result<Option<Outcome>> {
    let granted = Granted::<perm::PaymentsTake>::system(TERMINAL);
    let Some(id) = call.read(async |conn| gateways::contract_of(conn, &payment.account).await).await? else { return Ok(None) };
    let work = call.state.db.transaction(call.context(), async |tx| gateways::pay(tx, &granted, id, network, payment).await);
    let paid = match work.await {
        // a concurrent request with this id was faster
        Err(error) if error.code() == payments::refusal::DUPLICATE => known(call, network, &payment.txn_id).await?.ok_or(error)?,
        paid => paid?,
    };
    Ok(Some(Outcome::paid(&paid)))
}
