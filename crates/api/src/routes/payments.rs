//! Payments and charges.

use acl::perm;
use actix_web::{delete, get, post};
use billing::explanation::{self, ChargeExplanation};
use database::page::ListSpec;
use gateways::{Begun, GatewayRefundStatus};
use kernel::{
    Error, Expected,
    id::{GatewayRefundId, PaymentId},
    input::NoInput,
};
use payments::{
    CorrectionInput, FailInput, Payment, PaymentFilter, PaymentInput, PendingFilter, Receipt, RefundInput, ShiftFilter,
    shift::{self, ShiftTotals},
    statement::Days,
    statistics::PaymentStatistics,
};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    expand::{Expandable, Expanding, Part},
    extract::{Body, ListQuery, Listing, Parameters, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    // before the path with an id, which also matches them
    mount.service(list_pending_payments).service(get_payment_statistics).service(get_payment_shift).service(create_correction);
    mount.service(get_payment).service(list_payments).service(create_payment).service(delete_payment).service(get_payment_receipt);
    mount.service(get_payment_explanation);
    mount.service(process_payment).service(cancel_payment).service(fail_payment).service(refund_payment);
}

impl ListQuery for PaymentFilter {
    const SPEC: ListSpec = payments::LIST;
    const PARTS: &'static [Part] = Payment::PARTS;
}

impl ListQuery for PendingFilter {
    const SPEC: ListSpec = payments::LIST;
    const PARTS: &'static [Part] = Payment::PARTS;
}

impl ListQuery for ShiftFilter {
    const SPEC: ListSpec = shift::LIST;
}

/// Returns a transaction.
#[utoipa::path(
    tag = "payments",
    params(("id" = PaymentId, Path, description = "The transaction's id."), Expanding<Payment>),
    responses((status = 200, description = "The transaction.", body = Payment)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments/{id}")]
async fn get_payment(call: Call, granted: Guard<perm::PaymentsRead>, id: PathPart<PaymentId>, query: Expanding<Payment>) -> Reply {
    let payment = call.read(async |conn| payments::get(conn, &granted, id.0).await).await?;
    Ok(query.expand.one(&call, &payment, payment.version).await?)
}

/// Explains a charge: its period, days, tariff version, options, discount, credits, and the run that made it.
#[utoipa::path(
    tag = "payments",
    params(("id" = PaymentId, Path, description = "The charge's id.")),
    responses(
        (status = 200, description = "The explanation.", body = ChargeExplanation),
        (status = 409, description = "`payment_not_a_charge`.")
    ),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments/{id}/explanation")]
async fn get_payment_explanation(call: Call, granted: Guard<perm::PaymentsRead>, id: PathPart<PaymentId>) -> Reply {
    let explanation = call.read(async |conn| explanation::explain(conn, &granted, id.0).await).await?;
    Ok(Answer::ok(&explanation)?)
}

/// Lists transactions: payments, charges, refunds and corrections.
#[utoipa::path(
    tag = "payments",
    params(Listing<PaymentFilter>),
    responses((status = 200, description = "A page of transactions.", body = List<Payment>)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments")]
async fn list_payments(call: Call, granted: Guard<perm::PaymentsRead>, query: Listing<PaymentFilter>) -> Reply {
    let page = call.read(async |conn| payments::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(query.expand.page(&call, page).await?)
}

/// Lists the payments that are not processed yet.
#[utoipa::path(
    tag = "payments",
    params(Listing<PendingFilter>),
    responses((status = 200, description = "A page of pending payments.", body = List<Payment>)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments/pending")]
async fn list_pending_payments(call: Call, granted: Guard<perm::PaymentsRead>, query: Listing<PendingFilter>) -> Reply {
    let filter = query.filter.of_all();
    let page = call.read(async |conn| payments::list(conn, &granted, &filter, &query.paging).await).await?;
    Ok(query.expand.page(&call, page).await?)
}

/// Returns totals of the payments of some days, by state, by type and by payment method.
#[utoipa::path(
    tag = "payments",
    params(Days),
    responses((status = 200, description = "The totals.", body = PaymentStatistics)),
    security(("bearer" = ["reports:read"]))
)]
#[get("/payments/statistics")]
async fn get_payment_statistics(call: Call, granted: Guard<perm::ReportsRead>, days: Parameters<Days>) -> Reply {
    let statistics = call.read(async |conn| payments::statistics::statistics(conn, &granted, days.0).await).await?;
    Ok(Answer::ok(&statistics)?)
}

/// Lists what each cashier took and gave back on some days, by payment method; today by default.
///
/// Callers without `reports:read` see only their own totals.
#[utoipa::path(
    tag = "payments",
    params(Listing<ShiftFilter>),
    responses((status = 200, description = "A page of totals, one for each cashier and payment method.", body = List<ShiftTotals>)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments/shift")]
async fn get_payment_shift(call: Call, granted: Guard<perm::PaymentsRead>, query: Listing<ShiftFilter>) -> Reply {
    let page = call.read(async |conn| shift::shift(conn, &granted, query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Returns the receipt of a received payment, of a refund or of a payout.
#[utoipa::path(
    tag = "payments",
    params(("id" = PaymentId, Path, description = "The transaction's id.")),
    responses(
        (status = 200, description = "The receipt.", body = Receipt),
        (status = 409, description = "`payment_without_receipt`: no money was received or refunded.")
    ),
    security(("bearer" = ["payments:read"]))
)]
#[get("/payments/{id}/receipt")]
async fn get_payment_receipt(call: Call, granted: Guard<perm::PaymentsRead>, id: PathPart<PaymentId>) -> Reply {
    let (receipt, version) = call.read(async |conn| payments::receipt(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&receipt, version)?)
}

/// Takes a payment.
///
/// Cash, bank transfers and payments at terminals count at once. A payment that covers a debt lifts hold `debt`, begins the period
/// that was waiting and charges it. Payments by card or mobile wallet and recurring payments are pending until they are processed.
#[utoipa::path(
    tag = "payments",
    request_body = PaymentInput,
    responses(
        (status = 201, description = "The payment.", body = Payment),
        (status = 409, description = "`payment_duplicate`; `contract_terminated`: a terminated contract takes no more than it still owes.")
    ),
    security(("bearer" = ["payments:take"]))
)]
#[post("/payments")]
async fn create_payment(call: Call, granted: Guard<perm::PaymentsTake>, input: Body<PaymentInput>) -> Reply {
    let answer = call.write(async |tx| {
        let payment = billing::take_payment(tx, &granted, &input).await?;
        Answer::created(format!("payments/{}", payment.id), &payment, payment.version)
    });
    Ok(answer.await?)
}

/// Corrects a mistake on a contract's balance, in either direction.
///
/// The contract can be in any state, and its balance can fall below zero.
#[utoipa::path(
    tag = "payments",
    request_body = CorrectionInput,
    responses((status = 201, description = "The correction.", body = Payment)),
    security(("bearer" = ["payments:correct"]))
)]
#[post("/payments/corrections")]
async fn create_correction(call: Call, granted: Guard<perm::PaymentsCorrect>, input: Body<CorrectionInput>) -> Reply {
    let answer = call.write(async |tx| {
        let payment = billing::correct(tx, &granted, &input).await?;
        Answer::created(format!("payments/{}", payment.id), &payment, payment.version)
    });
    Ok(answer.await?)
}

/// Confirms that the money of a pending payment has been received.
///
/// The payment counts from now on, and settles what it covers.
#[utoipa::path(
    tag = "payments",
    params(("id" = PaymentId, Path, description = "The payment's id.")),
    request_body = NoInput,
    responses(
        (status = 200, description = "The payment.", body = Payment),
        (status = 409, description = "`payment_wrong_state`, `payment_quarantined`, `contract_terminated`.")
    ),
    security(("bearer" = ["payments:take"]))
)]
#[post("/payments/{id}/process")]
async fn process_payment(call: Call, granted: Guard<perm::PaymentsTake>, id: PathPart<PaymentId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let payment = billing::process_payment(tx, &granted, id.0).await?;
        Answer::resource(&payment, payment.version)
    });
    Ok(answer.await?)
}

/// Cancels a pending payment.
#[utoipa::path(
    tag = "payments",
    params(("id" = PaymentId, Path, description = "The payment's id.")),
    request_body = NoInput,
    responses((status = 200, description = "The payment.", body = Payment), (status = 409, description = "`payment_wrong_state`, `payment_quarantined`.")),
    security(("bearer" = ["payments:take"]))
)]
#[post("/payments/{id}/cancel")]
async fn cancel_payment(call: Call, granted: Guard<perm::PaymentsTake>, id: PathPart<PaymentId>, _input: Body<NoInput>) -> Reply {
    let answer = call.write(async |tx| {
        let payment = billing::cancel_payment(tx, &granted, id.0, &Expected::Any).await?;
        Answer::resource(&payment, payment.version)
    });
    Ok(answer.await?)
}

/// Marks a pending payment as failed.
#[utoipa::path(
    tag = "payments",
    params(("id" = PaymentId, Path, description = "The payment's id.")),
    request_body = FailInput,
    responses((status = 200, description = "The payment.", body = Payment), (status = 409, description = "`payment_wrong_state`, `payment_quarantined`.")),
    security(("bearer" = ["payments:take"]))
)]
#[post("/payments/{id}/fail")]
async fn fail_payment(call: Call, granted: Guard<perm::PaymentsTake>, id: PathPart<PaymentId>, input: Body<FailInput>) -> Reply {
    let answer = call.write(async |tx| {
        let payment = billing::fail_payment(tx, &granted, id.0, &input).await?;
        Answer::resource(&payment, payment.version)
    });
    Ok(answer.await?)
}

/// Refunds a payment: all that is left of it, or a part.
///
/// A refund is a separate transaction, found by `refund_of`. A payment can also be refunded after the contract is terminated. Money that
/// is used up can be refunded by callers who also have `payments:correct`: the balance then falls below zero, and hold `debt` may be
/// placed; others refund at most the balance. A payment through a gateway is refunded through that gateway, and the refund leaves the
/// ledger when the gateway confirms it: until then the status is 202, and `Location` is the address to watch.
#[utoipa::path(
    tag = "payments",
    params(("id" = PaymentId, Path, description = "The payment's id.")),
    request_body = RefundInput,
    responses(
        (status = 200, description = "The payment, with the amount that was refunded.", body = Payment),
        (status = 202, description = "The payment; its gateway is processing the refund (`refund_requested`).", body = Payment),
        (status = 409, description = "`payment_not_refundable`, `refund_too_large`, `refund_exceeds_balance`, `payment_quarantined`, `gateway_refund_refused`: the gateway refused, and nothing left the ledger.")
    ),
    security(("bearer" = ["payments:refund"]))
)]
#[post("/payments/{id}/refund")]
async fn refund_payment(
    call: Call,
    granted: Guard<perm::PaymentsRefund>,
    id: PathPart<PaymentId>,
    input: Body<RefundInput>,
) -> Reply<Option<GatewayRefundId>> {
    let (context, state) = (call.context(), &call.state);
    let names = state.gateways.names();
    let begun = call.write(async |tx| match gateways::begin_refund(tx, &granted, id.0, &input, state.gateways.timing(), &names).await? {
        Begun::InLedger(payment) => Ok(Answer::resource(&payment, payment.version)?.having_made(None)),
        Begun::Requested(payment, refund) => Ok(Answer::accepted(format!("gateway-refunds/{refund}"), &payment)?.having_made(Some(refund))),
    });
    let begun = begun.await?;
    let Some(refund_id) = begun.made else { return Ok(begun) };
    let refund = gateways::send_refund(&state.gateways, &state.office, context, &granted, refund_id).await?;
    let payment = call.read(async |conn| payments::read(conn, id.0).await).await?;
    match refund.status {
        GatewayRefundStatus::Done => Ok(call.conclude(Answer::resource(&payment, payment.version)?.having_made(None)).await?),
        GatewayRefundStatus::Requested | GatewayRefundStatus::Unanswered => {
            Ok(Answer::accepted(format!("gateway-refunds/{refund_id}"), &payment)?.having_made(Some(refund_id)))
        }
        GatewayRefundStatus::Failed => {
            let reason = refund.failure_reason.unwrap_or_default();
            Err(Error::new(gateways::refusal::GATEWAY_REFUND_REFUSED).with("refund", refund_id).with("reason", reason).into())
        }
    }
}

/// Cancels a pending payment.
///
/// The ledger deletes nothing, so the payment stays as cancelled.
#[utoipa::path(
    tag = "payments",
    params(("id" = PaymentId, Path, description = "The payment's id.")),
    responses((status = 204, description = "The payment is cancelled."), (status = 409, description = "`payment_wrong_state`, `payment_quarantined`.")),
    security(("bearer" = ["payments:take"]))
)]
#[delete("/payments/{id}")]
async fn delete_payment(call: Call, granted: Guard<perm::PaymentsTake>, id: PathPart<PaymentId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        billing::cancel_payment(tx, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}
