//! The payment gateways in use, and the requests to them.
//!
//! A request to a gateway runs between two transactions, never inside one. The first transaction saves the intent. If the second does not
//! happen, because the response was lost or the program stopped, [`poll`] repeats the request.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use acl::{Granted, perm};
use database::{Db, audit::Entry, jobs::Office};
use futures_util::{StreamExt, future::join_all, stream};
use kernel::{
    Context, Error, Result,
    id::{GatewayRefundId, PaymentId},
};
use payments::{Payment, PaymentStatus};

use crate::{
    model::{GatewayRefund, Timing, refusal},
    protocol::{Gateway, Refunding, SignatureFault, Trouble, http::Http, sandbox::Sandbox},
    records, service as cases,
    settings::GatewaySettings,
    store,
};

/// The actor of changes that a gateway reports.
pub const ACTOR: &str = "payment gateway";
/// The maximum number of payments in one poll of a gateway; the next poll follows at once.
const BATCH: i64 = 50;
/// The number of concurrent requests to one gateway.
const AT_ONCE: usize = 8;
/// The reason for an error when the settings no longer name the gateway.
const NOT_IN_USE: &str = "it is no longer in use";
/// The `Retry-After` value for an unavailable gateway, in seconds.
const COME_BACK: u64 = 30;

/// The gateways in use.
pub struct Gateways {
    all: Vec<Box<dyn Gateway>>,
    timing: Timing,
    refused: Mutex<BTreeMap<&'static str, RefusedEvents>>,
}

/// The events rejected since the last audit entry about them.
#[derive(Default)]
struct RefusedEvents {
    by_reason: BTreeMap<&'static str, u64>,
    last_address: Option<IpAddr>,
}

impl Gateways {
    /// Opens the gateways that the settings name.
    pub fn open(settings: &GatewaySettings) -> Result<Self> {
        let mut all: Vec<Box<dyn Gateway>> = Vec::new();
        if let Some(keys) = &settings.sandbox {
            log::warn!("GATEWAYS includes sandbox: its payments count, but no money is received");
            all.push(Box::new(Sandbox::new(keys.clone())));
        }
        if let Some(http) = &settings.http {
            all.push(Box::new(Http::new(&http.url, http.api_key.reveal(), http.keys.clone())?));
        }
        Ok(Self { all, timing: settings.timing, refused: Mutex::default() })
    }

    /// The polling interval and the lifetime of payments.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// The names of the gateways.
    pub fn names(&self) -> Vec<&'static str> {
        self.all.iter().map(|gateway| gateway.name()).collect()
    }

    /// Returns the gateway with this name. Errors: `gateway_not_found`.
    pub fn get(&self, name: &str) -> Result<&dyn Gateway> {
        let found = self.all.iter().find(|gateway| gateway.name() == name);
        found.map(|gateway| &**gateway).ok_or_else(|| refusal::GATEWAY_NOT_FOUND.into())
    }

    /// Counts a rejected event. Anybody can send events, so they are counted here and recorded together.
    pub fn note_refused(&self, gateway: &'static str, why: SignatureFault, address: Option<IpAddr>) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let events = refused.entry(gateway).or_default();
        *events.by_reason.entry(why.word()).or_default() += 1;
        events.last_address = address.or(events.last_address);
    }

    fn take_refused(&self) -> BTreeMap<&'static str, RefusedEvents> {
        std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Records the rejected events in the audit: one entry for each gateway.
pub async fn record_refused(gateways: &Gateways, db: &Db, context: &Arc<Context>) -> Result<()> {
    let refused = gateways.take_refused();
    if refused.is_empty() {
        return Ok(());
    }
    let written = db.transaction(context, async |tx| {
        for (gateway, events) in &refused {
            let mut entry = Entry::new("gateway_event.refused", "gateway", gateway);
            for (reason, count) in &events.by_reason {
                entry = entry.note(reason, *count);
            }
            if let Some(address) = events.last_address {
                entry = entry.note("last_address", address.to_string());
            }
            tx.record(entry);
        }
        Ok(())
    });
    written.await
}

fn taking() -> Granted<perm::PaymentsTake> {
    Granted::system(ACTOR)
}

/// Requests a payment link from the gateway, unless the payment has one. Returns the payment after it.
///
/// Errors: `gateway_away`: the payment stays pending, and a repeated request means the same order. `gateway_refused`: the payment has
/// failed.
pub async fn make_link(
    gateways: &Gateways,
    db: &Db,
    context: &Arc<Context>,
    granted: &Granted<perm::PaymentsTake>,
    id: PaymentId,
) -> Result<Payment> {
    let (payment, order) = db.read(context, async |conn| cases::order(conn, id).await).await?;
    let refused = |payment: &Payment| {
        let reason = payment.failure_reason.clone().unwrap_or_default();
        Error::new(refusal::GATEWAY_REFUSED).with("payment", payment.id).with("reason", reason)
    };
    if payment.link.is_some() || payment.status != PaymentStatus::Pending {
        let has_failed = payment.status == PaymentStatus::Failed && payment.link.is_none();
        return if has_failed { Err(refused(&payment)) } else { Ok(payment) };
    }
    let gateway = gateways.get(payment.gateway.as_deref().unwrap_or_default())?;
    let created = gateway.create(&order).await;
    let context = &context.after_a_call();
    match created {
        Ok(created) => db.transaction(context, async |tx| cases::link_made(tx, granted, id, &created).await).await,
        Err(Trouble::Refused(reason)) => {
            let work = db.transaction(context, async |tx| cases::link_refused(tx, granted, id, &reason).await);
            Err(refused(&work.await?))
        }
        Err(Trouble::Away(why)) => {
            log::warn!(request_id = &*context.origin.request_id; "gateway {} created no link for payment {id}: {why}", gateway.name());
            Err(Error::new(refusal::GATEWAY_AWAY).with("payment", id).retry_after(COME_BACK))
        }
    }
}

/// Requests a refund from the gateway, unless the refund has ended. Returns the refund after it; it stays `requested` when the gateway is
/// unavailable.
pub async fn send_refund(
    gateways: &Gateways,
    office: &Office,
    context: &Arc<Context>,
    granted: &Granted<perm::PaymentsRefund>,
    id: GatewayRefundId,
) -> Result<GatewayRefund> {
    office.db.transaction(context, async |tx| cases::claim_refund(tx, id, gateways.timing()).await).await?;
    ask_for_refund(gateways, office, context, granted, id).await
}

async fn ask_for_refund(
    gateways: &Gateways,
    office: &Office,
    context: &Arc<Context>,
    granted: &Granted<perm::PaymentsRefund>,
    id: GatewayRefundId,
) -> Result<GatewayRefund> {
    let reading = Granted::<perm::PaymentsRead>::system(ACTOR);
    let refund = office.db.read(context, async |conn| records::get_refund(conn, &reading, id).await).await?;
    let Some(order) = office.db.read(context, async |conn| cases::refund_order(conn, id).await).await? else { return Ok(refund) };
    let answer = match gateways.get(&refund.gateway) {
        Ok(gateway) => gateway.refund(&order).await,
        Err(_) => Err(Trouble::Away(NOT_IN_USE.to_owned())),
    };
    let answer = match answer {
        Ok(Refunding::Pending) => None,
        Ok(Refunding::Done(gateway_refund_id)) => Some(Ok(gateway_refund_id)),
        Err(Trouble::Refused(reason)) => Some(Err(reason)),
        Err(Trouble::Away(why)) => {
            log::warn!(request_id = &*context.origin.request_id; "gateway {} reports no result for refund {id}: {why}", refund.gateway);
            None
        }
    };
    // the gateway may have taken long, so the time is read again
    let context = &office.later(context);
    if answer.is_none() && context.now < refund.asked_until {
        return Ok(refund);
    }
    let told = office.db.transaction(context, async |tx| match &answer {
        None => cases::refund_not_answered(tx, granted, id).await,
        Some(answer) => cases::refund_answered(tx, granted, id, answer.as_deref().map_err(String::as_str)).await,
    });
    told.await
}

/// Polls every gateway for due payments and refunds. Returns whether more may be due.
///
/// Gateways are polled concurrently, so a slow one delays only itself; instances share the work. Payments and refunds of a gateway no
/// longer in use end as if that gateway were unavailable.
pub async fn poll(gateways: &Gateways, office: &Office) -> Result<bool> {
    let context = office.context("gateways", ACTOR);
    let names = office.db.read(&context, async |conn| records::waited_for(conn).await).await?;
    // a gateway whose payments cannot be claimed does not keep the others from theirs
    let polled = join_all(names.iter().map(|name| poll_one(gateways, office, name))).await;
    let mut more = false;
    for polled in polled {
        more |= polled?;
    }
    Ok(more)
}

async fn poll_one(gateways: &Gateways, office: &Office, name: &str) -> Result<bool> {
    let context = office.context("gateways", ACTOR);
    let (context, timing) = (&context, gateways.timing());
    let claimed = office.db.transaction(context, async |tx| {
        let again_at = context.now + timing.poll_every;
        let payments = store::payments::claim_due(tx, name, again_at, BATCH).await?;
        Ok((payments, cases::claim_refunds(tx, name, timing, BATCH).await?))
    });
    let (payments, refunds) = claimed.await?;
    let full = |count: usize| i64::try_from(count).is_ok_and(|count| count >= BATCH);
    let more = full(payments.len()) || full(refunds.len());
    let questions = stream::iter(payments).map(|id| async move { (id, ask_about(gateways, office, context, id).await) });
    questions
        .buffer_unordered(AT_ONCE)
        .for_each(async |(id, outcome)| {
            if let Err(error) = outcome {
                log::warn!("the result of payment {id} is requested later: {error}");
            }
        })
        .await;
    let granted = &Granted::<perm::PaymentsRefund>::system(ACTOR);
    let repeats = stream::iter(refunds).map(|id| async move { (id, ask_for_refund(gateways, office, context, granted, id).await) });
    repeats
        .buffer_unordered(AT_ONCE)
        .for_each(async |(id, outcome)| {
            if let Err(error) = outcome {
                log::warn!("the result of refund {id} is requested later: {error}");
            }
        })
        .await;
    Ok(more)
}

async fn ask_about(gateways: &Gateways, office: &Office, context: &Arc<Context>, id: PaymentId) -> Result<()> {
    let (payment, order) = office.db.read(context, async |conn| cases::order(conn, id).await).await?;
    let name = payment.gateway.as_deref().unwrap_or_default();
    let is_open = matches!(payment.status, PaymentStatus::Pending | PaymentStatus::Processing);
    // a closed payment needs no request, only an end to its polling
    let answer = match gateways.get(name) {
        _ if !is_open => None,
        Ok(gateway) => Some(gateway.ask(&order).await),
        Err(_) => Some(Err(Trouble::Away(NOT_IN_USE.to_owned()))),
    };
    if let Some(Err(trouble)) = &answer {
        log::warn!("gateway {name} reports no result for payment {id}: {trouble:?}");
    }
    let (granted, timing, standing) = (taking(), gateways.timing(), answer.and_then(std::result::Result::ok));
    // the gateway may have taken long, so the time is read again
    let context = office.later(context);
    office.db.transaction(&context, async |tx| cases::learn(tx, &granted, id, standing.as_ref(), timing).await).await
}
