//! Promised payments: credit for a time, against the subscriber's promise to pay.
//!
//! The credit counts wherever the balance is compared with a fee ([`available`](crate::charge::available)). A promise ends as kept when the
//! payments since come to its amount, or when the balance is covered without it at its time; else it is broken, and hold `debt` goes on.

mod store;

use std::time::Duration;

use acl::{Granted, perm};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use contracts::{Contract, steps};
use database::{
    Conn, Event, EventKind, Page, Paging, Tx,
    audit::Entry,
    jobs::{Job, Office, Turn, Turning},
    page::ListSpec,
};
use kernel::{
    Context, FieldErrors, Input, Money, Result,
    error::field,
    id::{ContractId, Id},
    money::AmountInput,
    text_enum,
};
use payments::{
    PaymentMethod, TransactionType,
    ledger::{self, Posting},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::{
    charge::{Service, available},
    settle, store as periods,
};

/// How promises are listed: the newest first.
pub const LIST: ListSpec = store::LIST;
/// Promises that one turn of the job ends.
const AT_ONCE: i64 = 100;
/// Who ends promises, in the audit trail.
const ACTOR: &str = "promised payments";

/// Refusals about promised payments.
pub mod refusal {
    kernel::codes! {
        /// The operator takes no promises.
        OFF = Conflict "promise_off";
        /// A promise is running.
        ACTIVE = Conflict "promise_active";
        /// There was a promise in this period.
        USED = Conflict "promise_used";
        /// A promise was broken, and the balance has not been covered since.
        BROKEN = Conflict "promise_broken";
    }
}

/// The id of a promised payment.
pub type PromisedPaymentId = Id<PromisedPayment>;

text_enum! {
    /// What became of a promise.
    pub enum PromiseStatus {
        /// Its credit counts.
        Active = "active",
        /// It was paid.
        Kept = "kept",
        /// Its time ended unpaid.
        Broken = "broken",
        /// The contract was terminated before its time.
        Ended = "ended",
    }
}

/// A promised payment.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 5, "contract_id": 12, "amount": "300.00", "fee": "0.00", "status": "active", "granted_at": "2026-01-31T09:00:00Z",
    "granted_by": "operator", "due_at": "2026-02-03T09:00:00Z", "ended_at": null
}))]
pub struct PromisedPayment {
    /// The id.
    pub id: PromisedPaymentId,
    /// The contract.
    pub contract_id: ContractId,
    /// How much is credited.
    pub amount: Money,
    /// What the promise cost.
    pub fee: Money,
    /// What became of it.
    pub status: PromiseStatus,
    /// When it was granted.
    pub granted_at: DateTime<Utc>,
    /// Who granted it.
    pub granted_by: String,
    /// By when payments must come to the amount.
    pub due_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What is promised.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "300.00", "days": 3}))]
pub struct PromiseInput {
    /// How much, above zero and at most `PROMISE_MAX`, which is the default.
    #[schema(value_type = Option<AmountInput>)]
    pub amount: Option<Money>,
    /// For how many days, at most `PROMISE_DAYS`, which is the default.
    #[schema(minimum = 1, maximum = 30)]
    pub days: Option<i64>,
}

impl Input for PromiseInput {
    fn check(&self, context: &Context, wrong: &mut FieldErrors) {
        let policy = context.policy.promise;
        if self.amount.is_some_and(|amount| amount <= Money::ZERO || amount > policy.max) {
            wrong.add("amount", field::RANGE).with("min", "0.01").with("max", policy.max);
        }
        if self.days.is_some_and(|days| !(1..=policy.days).contains(&days)) {
            wrong.add("days", field::RANGE).with("min", 1).with("max", policy.days);
        }
    }
}

/// Nothing to choose among the promises of a contract.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PromiseFilter {}

/// Credits a promised payment, charges its fee, and settles what the contract can pay now.
///
/// Errors: `contract_not_found`, `contract_not_running`, `promise_off`, `promise_active`, `promise_broken`, `promise_used`.
pub async fn grant(tx: &mut Tx, _granted: &Granted<perm::PaymentsTake>, id: ContractId, input: &PromiseInput) -> Result<PromisedPayment> {
    let policy = tx.policy().promise;
    let mut contract = steps::load(tx, id).await?;
    let now = tx.now();
    contract.running()?;
    may_promise(tx, &contract).await?;
    if policy.fee > Money::ZERO {
        let posting = Posting {
            transaction_type: TransactionType::Charge,
            amount: policy.fee,
            method: PaymentMethod::System,
            transaction_id: None,
            description: Some("promised payment".to_owned()),
            paid_at: None,
            period: None,
        };
        ledger::post(tx, &mut contract, posting).await?;
    }
    let mut promise = PromisedPayment {
        id: PromisedPaymentId::new(0),
        contract_id: id,
        amount: input.amount.unwrap_or(policy.max),
        fee: policy.fee,
        status: PromiseStatus::Active,
        granted_at: now,
        granted_by: tx.actor().name.clone(),
        due_at: now + TimeDelta::days(input.days.unwrap_or(policy.days)),
        ended_at: None,
    };
    promise.id = store::insert(tx, &promise).await?;
    contract.promised_credit = promise.amount;
    steps::save(tx, &mut contract).await?;
    tx.record(Entry::new("promise.granted", "promised_payment", promise.id).created(&promise));
    publish(tx, EventKind::PromiseGranted, &contract, &promise);
    settle::settle(tx, &mut contract, Service::Unbroken).await?;
    Ok(promise)
}

/// One promise at a time, one a period, and none after a broken one until the balance is covered.
async fn may_promise(tx: &mut Tx, contract: &Contract) -> Result<()> {
    if tx.policy().promise.max == Money::ZERO {
        return Err(refusal::OFF.into());
    }
    let Some(last) = store::newest(tx, contract.id).await? else { return Ok(()) };
    if last.status == PromiseStatus::Active {
        return Err(refusal::ACTIVE.into());
    }
    if contract.is_promise_broken {
        return Err(refusal::BROKEN.into());
    }
    let period = periods::newest(tx, contract.id).await?;
    let granted_on = last.granted_at.with_timezone(&tx.policy().time_zone).date_naive();
    match period.is_none_or(|period| granted_on >= period.period_start) {
        true => Err(refusal::USED.into()),
        false => Ok(()),
    }
}

/// A page of the promises of a contract. Errors: `contract_not_found`.
pub async fn list(conn: &mut Conn, _: &Granted<perm::PaymentsRead>, id: ContractId, paging: &Paging) -> Result<Page<PromisedPayment>> {
    contracts::exists(conn, id).await?;
    store::list(conn, id, paging).await
}

/// Ends a promise that payments have come to, and forgets a broken one once the balance is covered.
pub(crate) async fn settle(tx: &mut Tx, contract: &mut Contract) -> Result<()> {
    if contract.promised_credit > Money::ZERO
        && let Some(promise) = store::newest(tx, contract.id).await?
        && store::paid_since(tx, contract.id, promise.granted_at).await? >= promise.amount
    {
        close(tx, contract, promise, PromiseStatus::Kept).await?;
    }
    if contract.is_promise_broken && available(contract)? >= Money::ZERO {
        contract.is_promise_broken = false;
        steps::save(tx, contract).await?;
    }
    Ok(())
}

/// The last day on which the credit of a contract's promise counts; nothing without a promise.
pub(crate) async fn credited_until(conn: &mut Conn, contract: &Contract) -> Result<Option<NaiveDate>> {
    if contract.promised_credit == Money::ZERO {
        return Ok(None);
    }
    let zone = conn.policy().time_zone;
    let promise = store::newest(conn, contract.id).await?.filter(|promise| promise.status == PromiseStatus::Active);
    Ok(promise.map(|promise| promise.due_at.with_timezone(&zone).date_naive()))
}

/// Withdraws the credit of a contract that is being terminated.
pub(crate) async fn end(tx: &mut Tx, contract: &mut Contract) -> Result<()> {
    match store::newest(tx, contract.id).await? {
        Some(promise) if promise.status == PromiseStatus::Active => close(tx, contract, promise, PromiseStatus::Ended).await,
        _ => Ok(()),
    }
}

/// Ends a promise whose time is over: kept where the balance is covered without it, else broken, and hold `debt` goes on.
async fn lapse(tx: &mut Tx, id: ContractId) -> Result<()> {
    let mut contract = steps::load(tx, id).await?;
    // a payment may have come while the contract was not locked yet
    settle(tx, &mut contract).await?;
    let promise = store::newest(tx, id).await?.filter(|promise| promise.status == PromiseStatus::Active && promise.due_at <= tx.now());
    let Some(promise) = promise else { return Ok(()) };
    let is_covered = contract.balance.add(contract.credit_limit)? >= Money::ZERO;
    close(tx, &mut contract, promise, if is_covered { PromiseStatus::Kept } else { PromiseStatus::Broken }).await?;
    settle::settle(tx, &mut contract, Service::Unbroken).await
}

async fn close(tx: &mut Tx, contract: &mut Contract, before: PromisedPayment, status: PromiseStatus) -> Result<()> {
    let after = PromisedPayment { status, ended_at: Some(tx.now()), ..before.clone() };
    store::close(tx, &after).await?;
    contract.promised_credit = Money::ZERO;
    contract.is_promise_broken = status == PromiseStatus::Broken;
    steps::save(tx, contract).await?;
    let (action, kind) = match status {
        PromiseStatus::Broken => ("promise.broken", Some(EventKind::PromiseBroken)),
        PromiseStatus::Kept => ("promise.kept", Some(EventKind::PromiseKept)),
        PromiseStatus::Active | PromiseStatus::Ended => ("promise.ended", None),
    };
    tx.record(Entry::new(action, "promised_payment", after.id).change(&before, &after));
    if let Some(kind) = kind {
        publish(tx, kind, contract, &after);
    }
    Ok(())
}

fn publish(tx: &mut Tx, kind: EventKind, contract: &Contract, promise: &PromisedPayment) {
    let data = json!({
        "contract_number": contract.number, "amount": promise.amount, "fee": promise.fee, "status": promise.status,
        "until": promise.due_at, "balance": contract.balance
    });
    let event = Event::new(kind, "promised_payment", promise.id, &data);
    tx.publish(event.of_contract(Some(contract.id)).of_customer(contract.customer_id));
}

/// Ends promises whose time is over, each in a transaction of its own; returns how many were due.
pub async fn lapse_due(office: &Office) -> Result<usize> {
    let context = office.context(ACTOR, ACTOR);
    let due = office.db.read(&context, async |conn| store::due(conn, AT_ONCE).await).await?;
    for id in &due {
        office.db.transaction(&context, async |tx| lapse(tx, *id).await).await?;
    }
    Ok(due.len())
}

/// The job that ends promises. Each contract is locked and its promise read again, so instances may do it at once.
pub(crate) struct Lapsing;

impl Job for Lapsing {
    fn name(&self) -> &'static str {
        ACTOR
    }

    fn every(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { Ok(Turn::more_if(i64::try_from(lapse_due(office).await?).is_ok_and(|due| due == AT_ONCE))) })
    }
}

/// What breaks the invariants of promises.
pub(crate) async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let wrong = store::disagreeing(conn).await?.into_iter();
    Ok(wrong.map(|id| format!("contract {id} and its promised payment do not agree on the credit")).collect())
}
