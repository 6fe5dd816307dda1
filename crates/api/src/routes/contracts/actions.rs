//! Actions on contracts: activation, holds, money and termination.

use acl::perm;
use actix_web::{get, post};
use billing::promise::{self, PromiseFilter, PromiseInput, PromisedPayment};
use contracts::{ActivateInput, ContractDetails, ResumeInput, SuspendInput, TerminateInput};
use database::page::ListSpec;
use kernel::id::ContractId;
use payments::{AddBalanceInput, DeductBalanceInput, Payment, PayoutInput};

use super::shown;
use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(activate_contract).service(suspend_contract).service(resume_contract).service(terminate_contract);
    mount.service(pay_out).service(add_balance).service(deduct_balance).service(promise_payment).service(list_promised_payments);
}

/// Activates a draft: binds the SIM card and begins the first period.
///
/// A prepaid tariff charges its fee now. If balance and credit limit do not cover it, the contract is suspended by hold `debt`
/// until a payment does.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = ActivateInput,
    responses(
        (status = 200, description = "The contract, active or suspended by hold `debt`.", body = ContractDetails),
        (status = 409, description = "`contract_not_draft`, `contract_without_sim`, `customer_not_active`, `tariff_retired`, `sim_not_free`, `sim_without_number`.")
    ),
    security(("bearer" = ["contracts:activate"]))
)]
#[post("/contracts/{id}/activate")]
async fn activate_contract(
    call: Call,
    granted: Guard<perm::ContractsActivate>,
    id: PathPart<ContractId>,
    input: Body<ActivateInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        billing::activate(tx, &granted, id.0, &input).await?;
        shown(tx, id.0).await
    });
    Ok(answer.await?)
}

/// Places a hold on a contract.
///
/// While any hold is in place, the contract and its SIM card are suspended.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = SuspendInput,
    responses(
        (status = 200, description = "The contract, suspended.", body = ContractDetails),
        (status = 409, description = "`contract_not_running`, `hold_present`.")
    ),
    security(("bearer" = ["contracts:hold"]))
)]
#[post("/contracts/{id}/suspend")]
async fn suspend_contract(call: Call, granted: Guard<perm::ContractsHold>, id: PathPart<ContractId>, input: Body<SuspendInput>) -> Reply {
    let answer = call.write(async |tx| {
        billing::suspend(tx, &granted, id.0, &input).await?;
        shown(tx, id.0).await
    });
    Ok(answer.await?)
}

/// Lifts a hold from a contract.
///
/// If it was the last one, the contract is active again, and a period that is due begins.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = ResumeInput,
    responses(
        (status = 200, description = "The contract.", body = ContractDetails),
        (status = 409, description = "`contract_not_running`, `hold_absent`.")
    ),
    security(("bearer" = ["contracts:hold"]))
)]
#[post("/contracts/{id}/resume")]
async fn resume_contract(call: Call, granted: Guard<perm::ContractsHold>, id: PathPart<ContractId>, input: Body<ResumeInput>) -> Reply {
    let answer = call.write(async |tx| {
        billing::resume(tx, &granted, id.0, &input).await?;
        shown(tx, id.0).await
    });
    Ok(answer.await?)
}

/// Terminates a contract: closes its SIM card, quarantines its number and ends its period.
///
/// A postpaid period is charged for the days served. With `refund_unused`, the days of a prepaid period that were not used are credited.
/// Afterwards `refundable_balance` is what refunds of its payments can give back, and `payout_balance` what a payout can. A balance below
/// zero is still owed, and can be paid. Pending payments stay pending: cancel or fail them, or process those that pay what is owed.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = TerminateInput,
    responses(
        (status = 200, description = "The contract, terminated.", body = ContractDetails),
        (status = 409, description = "`contract_terminated`.")
    ),
    security(("bearer" = ["contracts:terminate"]))
)]
#[post("/contracts/{id}/terminate")]
async fn terminate_contract(
    call: Call,
    granted: Guard<perm::ContractsTerminate>,
    id: PathPart<ContractId>,
    input: Body<TerminateInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        billing::terminate(tx, &granted, id.0, &input).await?;
        shown(tx, id.0).await
    });
    Ok(answer.await?)
}

/// Pays out what is left on the balance of a terminated contract.
///
/// This gives back money that no refund can return, such as a correction, or a payment in cash whose payer is not known. The balance does
/// not fall below zero, and refunds that a gateway is processing stay reserved.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = PayoutInput,
    responses(
        (status = 201, description = "The payout.", body = Payment),
        (status = 409, description = "`contract_not_terminated`, `payout_too_large`.")
    ),
    security(("bearer" = ["payments:refund"]))
)]
#[post("/contracts/{id}/payouts")]
async fn pay_out(call: Call, granted: Guard<perm::PaymentsRefund>, id: PathPart<ContractId>, input: Body<PayoutInput>) -> Reply {
    let answer = call.write(async |tx| {
        let payment = billing::pay_out(tx, &granted, id.0, &input).await?;
        Answer::created(format!("payments/{}", payment.id), &payment, payment.version)
    });
    Ok(answer.await?)
}

/// Takes a cash payment for a contract.
///
/// This is the short form of `POST /payments`.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = AddBalanceInput,
    responses(
        (status = 200, description = "The contract with its new balance.", body = ContractDetails),
        (status = 409, description = "`contract_terminated`.")
    ),
    security(("bearer" = ["payments:take"]))
)]
#[post("/contracts/{id}/add_balance")]
async fn add_balance(call: Call, granted: Guard<perm::PaymentsTake>, id: PathPart<ContractId>, input: Body<AddBalanceInput>) -> Reply {
    let answer = call.write(async |tx| {
        billing::add_balance(tx, &granted, id.0, &input).await?;
        shown(tx, id.0).await
    });
    Ok(answer.await?)
}

/// Deducts money from a contract's balance.
///
/// This is the short form of `POST /payments/corrections`. The balance can fall below zero.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = DeductBalanceInput,
    responses((status = 200, description = "The contract with its new balance.", body = ContractDetails)),
    security(("bearer" = ["payments:correct"]))
)]
#[post("/contracts/{id}/deduct_balance")]
async fn deduct_balance(
    call: Call,
    granted: Guard<perm::PaymentsCorrect>,
    id: PathPart<ContractId>,
    input: Body<DeductBalanceInput>,
) -> Reply {
    let answer = call.write(async |tx| {
        billing::deduct_balance(tx, &granted, id.0, &input).await?;
        shown(tx, id.0).await
    });
    Ok(answer.await?)
}

impl ListQuery for PromiseFilter {
    const SPEC: ListSpec = promise::LIST;
}

/// Credits a promised payment for some days.
///
/// The credit counts like balance: it lifts hold `debt` where it covers the fee, and the period that was waiting begins. When its time ends
/// before payments have come to the amount, the promise is broken: the credit is gone, and where the balance is below the credit limit,
/// hold `debt` goes on at that moment. One promise at a time, one in each period, and none after a broken one until the balance is covered.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id.")),
    request_body = PromiseInput,
    responses(
        (status = 201, description = "The promise; `Location` is the list of the contract's promises.", body = PromisedPayment),
        (status = 409, description = "`contract_not_running`, `promise_off`, `promise_active`, `promise_used`, `promise_broken`.")
    ),
    security(("bearer" = ["payments:take"]))
)]
#[post("/contracts/{id}/promised-payment")]
async fn promise_payment(call: Call, granted: Guard<perm::PaymentsTake>, id: PathPart<ContractId>, input: Body<PromiseInput>) -> Reply {
    let answer = call.write(async |tx| {
        let promise = promise::grant(tx, &granted, id.0, &input).await?;
        Answer::created_plain(format!("contracts/{}/promised-payments", id.0), &promise)
    });
    Ok(answer.await?)
}

/// A page of the promised payments of a contract, the newest first.
#[utoipa::path(
    tag = "contracts",
    params(("id" = ContractId, Path, description = "The contract's id."), Listing<PromiseFilter>),
    responses((status = 200, description = "A page of promises.", body = List<PromisedPayment>)),
    security(("bearer" = ["payments:read"]))
)]
#[get("/contracts/{id}/promised-payments")]
async fn list_promised_payments(
    call: Call,
    granted: Guard<perm::PaymentsRead>,
    id: PathPart<ContractId>,
    query: Listing<PromiseFilter>,
) -> Reply {
    let page = call.read(async |conn| promise::list(conn, &granted, id.0, &query.paging).await).await?;
    Ok(call.page(page)?)
}
