//! Self-service terminals: their protocol over GET, with responses in XML.

use acl::{Granted, Secret, perm};
use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, HeaderName},
};
use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use gateways::{
    refusal,
    terminal::{Command, Request, ResultCode, TerminalRefusal, TerminalResponse, txn_id},
};
use kernel::{Error, Kind, Money, id::PaymentId};

use crate::{call::Call, problem::Refused, routes::mount::Mount};

/// The actor of payments from terminals.
const ACTOR: &str = "terminal";
const KEY: HeaderName = HeaderName::from_static("x-terminal-key");

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(terminal_request);
}

/// Checks or takes a payment from a self-service terminal.
///
/// `check` tells whether an account accepts a sum; `pay` takes it. The terminal sends the key of `TERMINAL_KEY` in the header
/// `X-Terminal-Key`, or as the password of HTTP Basic with any user name. `account` is the number of a contract or a phone number.
/// Errors of a request are reported in XML with status 200, by `result`: 0 done, 1 try again later, 4 malformed account, 5 no such
/// account, 7 the account takes no payment, 241 the sum is too small, 242 too large, 300 anything else. `pay` with a `txn_id` that
/// was already paid gets the first response. Other parameters are ignored.
#[utoipa::path(
    tag = "payments",
    params(
        ("command" = String, Query, description = "`check` or `pay`."),
        ("txn_id" = String, Query, description = "The terminal's own id of the payment, up to 20 digits."),
        ("account" = String, Query, description = "The number of a contract, or a phone number."),
        ("sum" = Option<String>, Query, description = "The sum, with at most two decimals; required for `pay`."),
        ("txn_date" = Option<String>, Query, description = "When the money was inserted: YYYYMMDDHHMMSS; required for `pay`."),
        ("X-Terminal-Key" = Option<String>, Header, description = "The key, unless HTTP Basic has it.")
    ),
    responses(
        (status = 200, description = "The response of the protocol.", body = String, content_type = "text/xml"),
        (status = 401, description = "`terminal_key_wrong`: the key is missing or wrong."),
        (status = 404, description = "`terminal_off`: `TERMINAL_KEY` is not set.")
    )
)]
#[get("/terminal/v1")]
async fn terminal_request(call: Call, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let call = call.acting_as(ACTOR);
    let key = call.state.terminal.key.as_ref().ok_or(refusal::TERMINAL_OFF)?;
    if !given_key(&call).is_some_and(|given| is_same(&given, key)) {
        return Err(Error::new(refusal::TERMINAL_KEY_WRONG).with("challenge", "Basic realm=\"terminal\"").into());
    }
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
    let locale = call.locale();
    let answered = answer(&call, &pairs).await;
    let (payment, sum, result, comment) = match answered {
        Ok((payment, sum)) => (payment, sum, ResultCode::Ok, "OK".to_owned()),
        Err(refusal) => (None, None, refusal.result, locale.text(refusal.code, &refusal.args)),
    };
    let reply = TerminalResponse { txn_id: txn_id(&pairs), payment, sum, result, comment: &comment };
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

/// The payment, and the sum that was or would be taken.
type Taken = (Option<PaymentId>, Option<Money>);

async fn answer(call: &Call, pairs: &[(String, String)]) -> Result<Taken, TerminalRefusal> {
    let bounds = call.state.terminal.bounds;
    let request = Request::read(pairs, call.context().policy.country, bounds)?;
    let told = |error: Error| {
        if matches!(error.kind(), Kind::Internal | Kind::Unavailable) {
            log::error!(request_id = &*call.context().origin.request_id; "a terminal must try again: {error}");
        }
        TerminalRefusal::of(&error)
    };
    match (request.command, request.sum) {
        (Command::Pay, Some(sum)) => pay(call, &request, sum).await.map_err(told)?.ok_or_else(TerminalRefusal::no_account),
        _ => {
            let checked = call.read(async |conn| {
                let Some(id) = gateways::contract_of(conn, &request.account).await? else { return Ok(false) };
                gateways::check(conn, id, request.sum.unwrap_or(bounds.least)).await.map(|()| true)
            });
            if checked.await.map_err(told)? { Ok((None, request.sum)) } else { Err(TerminalRefusal::no_account()) }
        }
    }
}

/// Takes the payment once. Returns `None` if there is no such account.
async fn pay(call: &Call, request: &Request, sum: Money) -> kernel::Result<Option<Taken>> {
    let granted = Granted::<perm::PaymentsTake>::system(ACTOR);
    let known = async || call.read(async |conn| gateways::known(conn, &request.txn_id).await).await;
    // before the account is looked up, because a repeat succeeds even if the account no longer exists
    if let Some(payment) = known().await? {
        return Ok(Some((Some(payment.id), Some(payment.amount))));
    }
    let Some(id) = call.read(async |conn| gateways::contract_of(conn, &request.account).await).await? else { return Ok(None) };
    let paid = call.state.db.transaction(call.context(), async |tx| gateways::pay(tx, &granted, id, request, sum).await).await;
    let payment = match paid {
        // a concurrent request with this id was faster
        Err(error) if error.code() == payments::refusal::DUPLICATE => known().await?.ok_or(error)?,
        paid => paid?,
    };
    Ok(Some((Some(payment.id), Some(payment.amount))))
}
