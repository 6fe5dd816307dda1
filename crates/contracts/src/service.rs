//! The use cases of contracts; none of them moves money.

pub mod of_customer;

use acl::{Granted, Permission, perm};
use chrono::{Datelike, NaiveDate};
use database::{
    Conn, Event, EventKind, Page, Paging, Tx,
    audit::Entry,
    search::{Found, Sought},
};
use kernel::{
    Edit, Error, Expected, Money, Result,
    error::common,
    id::{ContractId, SimId},
    text::search_text,
};
use rand::RngExt;
use serde_json::{Value, json};
use tariffs::OptionIds;

use crate::{
    details::{ContractDetails, HoldTime, HoldsSince},
    input::{ContractFilter, ContractInput},
    model::{Contract, ContractShort, ContractStatus, HoldReason, NewContract, refusal},
    options, store, texts,
};

/// Crockford's base 32, which has no easily confused letters.
const NUMBER_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const NUMBER_LENGTH: usize = 8;

/// Returns a contract with its related records. Errors: `contract_not_found`.
pub async fn get(conn: &mut Conn, _: &Granted<perm::ContractsRead>, id: ContractId) -> Result<ContractDetails> {
    details(conn, id).await
}

/// Returns a contract with its related records to the user who has just changed it. Errors: `contract_not_found`.
pub async fn details(conn: &mut Conn, id: ContractId) -> Result<ContractDetails> {
    let today = conn.today();
    let row = store::details(conn, id, today).await?.ok_or(refusal::NOT_FOUND)?;
    Ok(row.shown(store::present_holds(conn, id).await?))
}

/// Checks that the contract exists, before its sub-lists are read. Errors: `contract_not_found`.
pub async fn exists(conn: &mut Conn, id: ContractId) -> Result<()> {
    if store::exists(conn, id).await? { Ok(()) } else { Err(refusal::NOT_FOUND.into()) }
}

/// The short forms of these contracts, for the records that name them.
pub async fn short_forms(conn: &mut Conn, _: &Granted<perm::ContractsRead>, ids: &[ContractId]) -> Result<Vec<ContractShort>> {
    store::short_forms(conn, ids).await
}

/// Lists contracts.
pub async fn list(conn: &mut Conn, _: &Granted<perm::ContractsRead>, filter: &ContractFilter, paging: &Paging) -> Result<Page<Contract>> {
    store::list(conn, filter, paging).await
}

/// Reads a contract for a use case that has checked its own permission. Errors: `contract_not_found`.
pub async fn read(conn: &mut Conn, id: ContractId) -> Result<Contract> {
    store::get(conn, id).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// Reads these contracts, ordered by id.
pub async fn read_all(conn: &mut Conn, ids: &[ContractId]) -> Result<Vec<Contract>> {
    store::all(conn, ids).await
}

/// Reads the holds of contracts that lasted at a moment given for each contract, and later ones.
pub async fn hold_times(conn: &mut Conn, since: &[HoldsSince]) -> Result<Vec<HoldTime>> {
    store::hold_times(conn, since).await
}

/// Finds the contract with this number.
pub async fn by_number(conn: &mut Conn, number: &str) -> Result<Option<ContractId>> {
    store::by_number(conn, number).await
}

/// Reads a contract and locks it until the transaction ends. Errors: `contract_not_found`.
pub async fn load(tx: &mut Tx, id: ContractId) -> Result<Contract> {
    store::lock(tx, id).await?.ok_or_else(|| refusal::NOT_FOUND.into())
}

/// Creates a draft. Errors: those of the subscriber, the tariff and the SIM, by field; `credit_right_missing`.
pub async fn create(tx: &mut Tx, granted: &Granted<perm::ContractsWrite>, input: &ContractInput) -> Result<Contract> {
    let customer = customers::find_active(tx, input.customer_id).await?;
    let tariff = tariffs::find_active(tx, input.tariff_id).await?;
    options::check_draft(tx, tariff.id, &input.options).await?;
    let mut chosen = OptionIds(input.options.clone());
    chosen.0.sort_unstable();
    let sim = match input.sim_id {
        Some(sim_id) => Some(sims::steps::find(tx, sim_id).await?.free()?),
        None => None,
    };
    let draft = Contract::draft(NewContract {
        id: ContractId::new(0),
        number: new_number(tx).await?,
        customer_id: customer.id,
        tariff_id: tariff.id,
        signed_date: input.signed_date.unwrap_or_else(|| tx.today()),
        created_at: tx.now(),
    });
    let mut contract = Contract {
        sim_id: input.sim_id,
        credit_limit: input.credit_limit.unwrap_or_default(),
        discount_percent: input.discount_percent.unwrap_or_default(),
        options: chosen.clone(),
        next_options: chosen,
        notes: input.notes.clone(),
        ..draft.clone()
    };
    check_generosity(tx, granted, &draft, &contract)?;
    let search = search_text([
        Some(contract.number.as_str()),
        Some(&customer.full_name),
        sim.as_ref().and_then(|sim| sim.msisdn.as_deref()),
        sim.as_ref().map(|sim| sim.iccid.as_str()),
    ]);
    contract.id = store::insert(tx, &contract, search).await?;
    options::set_draft(tx, contract.id, &[], &contract.options.0).await?;
    tx.record(Entry::new("contract.created", "contract", contract.id).created(&contract));
    Ok(contract)
}

/// Refuses to raise the credit limit or the discount above the bounds, unless the caller holds `contracts:credit`.
///
/// What the subscriber already has on this contract may stay or be lowered. Errors: `credit_right_missing`.
fn check_generosity(tx: &Tx, granted: &Granted<perm::ContractsWrite>, before: &Contract, after: &Contract) -> Result<()> {
    let mut bounds = tx.policy().grants;
    if before.customer_id == after.customer_id {
        bounds.credit_limit = bounds.credit_limit.max(before.credit_limit);
        bounds.discount = bounds.discount.max(before.discount_percent);
    }
    let is_within = after.credit_limit <= bounds.credit_limit && after.discount_percent <= bounds.discount;
    if is_within || granted.may(Permission::ContractsCredit) {
        return Ok(());
    }
    let refused = Error::new(refusal::CREDIT_RIGHT_MISSING).with("permission", Permission::ContractsCredit);
    Err(refused.with("credit_limit", bounds.credit_limit).with("discount", bounds.discount))
}

/// Changes a locked contract: every field of a draft; the credit limit, the discount and the notes of a running contract.
///
/// Errors: `stale_version`, `invalid` with `read_only` in each field that may not change in this state, `contract_terminated`, and for new
/// references of a draft those of [`create`]; `credit_right_missing`.
pub async fn edit(
    tx: &mut Tx,
    granted: &Granted<perm::ContractsWrite>,
    contract: &mut Contract,
    edit: &Edit<ContractInput>,
    expected: &Expected,
) -> Result<()> {
    expected.check(contract.version)?;
    let shown = details(tx, contract.id).await?;
    let input = edit.apply(&shown, &contract.editable(), tx.context())?;
    let before = contract.clone();
    let mut after = before.edited(&input, tx.today())?;
    if after == before {
        return Ok(());
    }
    check_generosity(tx, granted, &before, &after)?;
    let mut full_name = shown.customer.full_name;
    if after.customer_id != before.customer_id {
        full_name = customers::find_active(tx, after.customer_id).await?.full_name;
    }
    if after.tariff_id != before.tariff_id {
        tariffs::find_active(tx, after.tariff_id).await?;
    }
    let new_options = after.options != before.options;
    if new_options || after.tariff_id != before.tariff_id {
        options::check_draft(tx, after.tariff_id, &after.options.0).await?;
    }
    let mut sim = shown.sim.map(|sim| (sim.iccid, sim.msisdn));
    if after.sim_id != before.sim_id {
        sim = match after.sim_id {
            Some(sim_id) => Some(sims::steps::find(tx, sim_id).await?.free()?).map(|sim| (sim.iccid, sim.msisdn)),
            None => None,
        };
    }
    store::save_edit(tx, &mut after).await?;
    if new_options {
        options::set_draft(tx, before.id, &before.options.0, &after.options.0).await?;
    }
    if (after.customer_id, after.sim_id) != (before.customer_id, before.sim_id) {
        let (iccid, msisdn) = sim.unzip();
        let search = [Some(after.number.as_str()), Some(&full_name), msisdn.as_ref().and_then(Option::as_deref), iccid.as_deref()];
        store::set_search_text(tx, after.id, search_text(search)).await?;
    }
    tx.record(Entry::new("contract.updated", "contract", after.id).change(&before, &after));
    *contract = after;
    Ok(())
}

/// Deletes a draft that no record refers to.
///
/// Errors: `contract_not_found`, `stale_version`, `contract_not_deletable` unless it is a draft, `contract_in_use` when payments or
/// tickets refer to it.
pub async fn delete(tx: &mut Tx, _granted: &Granted<perm::ContractsWrite>, id: ContractId, expected: &Expected) -> Result<()> {
    let contract = load(tx, id).await?;
    expected.check(contract.version)?;
    contract.deletable()?;
    let in_use =
        |error: Error| if error.code() == common::IN_USE { Error::new(refusal::IN_USE).with("number", &contract.number) } else { error };
    store::delete(tx, &contract).await.map_err(in_use)?;
    tx.record(Entry::new("contract.deleted", "contract", id).deleted(&contract));
    Ok(())
}

async fn new_number(tx: &mut Tx) -> Result<String> {
    let today = tx.today();
    // 32^8 numbers a month: a collision is rare, and ten in a row mean a fault
    for _ in 0..10 {
        let number = number(today, &mut rand::rng());
        if !store::number_exists(tx, &number).await? {
            return Ok(number);
        }
    }
    Err(Error::internal("no free contract number was found in ten tries"))
}

/// Generates a contract number for the month of `date`.
pub fn number(date: NaiveDate, random: &mut impl rand::Rng) -> String {
    let random: String = (0..NUMBER_LENGTH).map(|_| char::from(NUMBER_ALPHABET[random.random_range(0..NUMBER_ALPHABET.len())])).collect();
    format!("{:04}{:02}-{random}", date.year(), date.month())
}

/// Activates a draft and binds the SIM. Subscriber and tariff must be active, the SIM free and with a number.
///
/// Errors: `contract_not_draft`, `contract_without_sim`, and those of the subscriber, the tariff and the SIM.
pub async fn activate(
    tx: &mut Tx,
    _granted: &Granted<perm::ContractsActivate>,
    contract: &mut Contract,
    sim_id: Option<SimId>,
) -> Result<()> {
    let before = contract.clone();
    let mut after = contract.activated(tx.today())?;
    let customer = customers::find_active(tx, contract.customer_id).await?;
    tariffs::find_active(tx, contract.tariff_id).await?;
    options::check_draft(tx, contract.tariff_id, &contract.options.0).await?;
    let sim_id = sim_id.or(contract.sim_id).ok_or(refusal::SIM_MISSING)?;
    let sim = sims::steps::bind(tx, sim_id, contract.id, contract.customer_id).await?;
    after.sim_id = Some(sim_id);
    store::save(tx, &mut after).await?;
    let search = [Some(after.number.as_str()), Some(&customer.full_name), sim.msisdn.as_deref(), Some(&sim.iccid)];
    store::set_search_text(tx, after.id, search_text(search)).await?;
    tariffs::count_contracts(tx, after.tariff_id, 1);
    tx.record(Entry::new("contract.activated", "contract", after.id).change(&before, &after));
    tell(tx, &before, &after, None);
    *contract = after;
    Ok(())
}

/// Places a hold and suspends the SIM. Errors: `contract_not_running`, `hold_present`.
pub async fn place_hold(tx: &mut Tx, contract: &mut Contract, reason: HoldReason, note: Option<&str>) -> Result<()> {
    let before = contract.clone();
    place(tx, contract, reason, note).await?;
    tell(tx, &before, contract, Some(reason));
    Ok(())
}

async fn place(tx: &mut Tx, contract: &mut Contract, reason: HoldReason, note: Option<&str>) -> Result<()> {
    let before = contract.clone();
    let mut after = contract.held(reason)?;
    store::save(tx, &mut after).await?;
    store::place_hold(tx, after.id, reason, note).await?;
    if before.status == ContractStatus::Active {
        sims::steps::suspend(tx, after.id).await?;
    }
    tx.record(Entry::new("contract.suspended", "contract", after.id).change(&before, &after).note("reason", reason.as_str()));
    *contract = after;
    Ok(())
}

/// Places hold `debt` until `missing` is paid; whoever is told that the line went off is told the amount. Errors: `contract_not_running`,
/// `hold_present`.
pub async fn hold_for_debt(tx: &mut Tx, contract: &mut Contract, missing: Money) -> Result<()> {
    let was_active = contract.status == ContractStatus::Active;
    place(tx, contract, HoldReason::Debt, None).await?;
    if was_active {
        tell_debt(tx, contract, missing);
    }
    Ok(())
}

/// A contract that goes on hold for debt, and what is missing.
pub struct Debt<'a> {
    /// The contract.
    pub contract: &'a mut Contract,
    /// What must be paid.
    pub missing: Money,
}

/// Places hold `debt` on many active contracts in a few statements, with the effect of [`hold_for_debt`] on each.
pub async fn hold_all_for_debt(tx: &mut Tx, mut debts: Vec<Debt<'_>>) -> Result<()> {
    if debts.is_empty() {
        return Ok(());
    }
    let before: Vec<Contract> = debts.iter().map(|debt| debt.contract.clone()).collect();
    for debt in &mut debts {
        *debt.contract = debt.contract.held(HoldReason::Debt)?;
    }
    let mut contracts: Vec<&mut Contract> = debts.iter_mut().map(|debt| &mut *debt.contract).collect();
    store::save_all(tx, &mut contracts).await?;
    store::place_holds(tx, &contracts, HoldReason::Debt).await?;
    let ids: Vec<ContractId> = before.iter().map(|contract| contract.id).collect();
    sims::steps::suspend_all(tx, &ids).await?;
    for (before, debt) in before.iter().zip(&debts) {
        let after = &*debt.contract;
        tx.record(Entry::new("contract.suspended", "contract", after.id).change(before, after).note("reason", HoldReason::Debt.as_str()));
        tell_debt(tx, after, debt.missing);
    }
    Ok(())
}

/// Emits an event that a contract is on hold until this amount is paid.
pub fn tell_debt(tx: &mut Tx, contract: &Contract, missing: Money) {
    let data = json!({
        "number": contract.number, "status": contract.status, "balance": contract.balance, "hold": HoldReason::Debt, "to_pay": missing,
        "version": contract.version
    });
    publish(tx, EventKind::ContractSuspended, contract, &data);
}

/// Lifts a hold; with the last one the SIM is active again. Errors: `contract_not_running`, `hold_absent`.
pub async fn lift_hold(tx: &mut Tx, contract: &mut Contract, reason: HoldReason) -> Result<()> {
    let before = contract.clone();
    let mut after = contract.released(reason)?;
    store::save(tx, &mut after).await?;
    store::lift_holds(tx, after.id, Some(reason)).await?;
    if after.status == ContractStatus::Active {
        sims::steps::resume(tx, after.id).await?;
    }
    tx.record(Entry::new("contract.resumed", "contract", after.id).change(&before, &after).note("reason", reason.as_str()));
    tell(tx, &before, &after, Some(reason));
    *contract = after;
    Ok(())
}

/// Terminates a contract: lifts its holds, unbinds and closes its SIM, and quarantines its number.
///
/// Errors: `contract_terminated`.
pub async fn terminate(tx: &mut Tx, _granted: &Granted<perm::ContractsTerminate>, contract: &mut Contract, reason: &str) -> Result<()> {
    let before = contract.clone();
    let mut after = contract.terminated(tx.today())?;
    store::lift_holds(tx, after.id, None).await?;
    if before.status != ContractStatus::Draft {
        tariffs::count_contracts(tx, after.tariff_id, -1);
        sims::steps::release(tx, after.id, reason).await?;
    }
    after.sim_id = None;
    store::save(tx, &mut after).await?;
    tx.record(Entry::new("contract.terminated", "contract", after.id).change(&before, &after).note("reason", reason));
    tell(tx, &before, &after, None);
    *contract = after;
    Ok(())
}

/// Emits an event when a contract has changed its state; `hold` is the hold that was placed or lifted.
pub fn tell(tx: &mut Tx, before: &Contract, after: &Contract, hold: Option<HoldReason>) {
    let kind = match (before.status, after.status) {
        (before, after) if before == after => return,
        (_, ContractStatus::Draft) => return,
        (ContractStatus::Draft, ContractStatus::Active) => EventKind::ContractActivated,
        (_, ContractStatus::Active) => EventKind::ContractResumed,
        (_, ContractStatus::Suspended) => EventKind::ContractSuspended,
        (_, ContractStatus::Terminated) => EventKind::ContractTerminated,
    };
    let data = json!({"number": after.number, "status": after.status, "balance": after.balance, "hold": hold});
    publish(tx, kind, after, &data);
}

fn publish(tx: &mut Tx, kind: EventKind, contract: &Contract, data: &Value) {
    tx.publish(Event::new(kind, "contract", contract.id, data).of_contract(Some(contract.id)).of_customer(contract.customer_id));
}

/// Moves the balance by `change` and the total of charges by `charged`. Only the ledger calls this.
///
/// Errors: `amount_out_of_range`.
pub async fn post(tx: &mut Tx, contract: &mut Contract, change: Money, charged: Money) -> Result<()> {
    contract.move_balance(change, charged)?;
    store::save(tx, contract).await
}

/// Saves many locked contracts after the ledger moved their balances and their next periods were set. Errors: `stale_version`.
pub async fn save_all(tx: &mut Tx, contracts: &mut [&mut Contract]) -> Result<()> {
    store::save_all(tx, contracts).await
}

/// Sets the first day of the next period, and the day of the month on which periods begin.
pub async fn set_period(tx: &mut Tx, contract: &mut Contract, next_billing_date: NaiveDate, billing_day: u32) -> Result<()> {
    contract.next_billing_date = Some(next_billing_date);
    contract.billing_day = Some(i64::from(billing_day));
    store::save(tx, contract).await
}

/// Finds broken invariants of contracts, described for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let mut wrong = store::violations(conn).await?;
    wrong.extend(store::options::violations(conn).await?);
    let contracts = wrong.into_iter().map(|(id, what)| format!("contract {id} {what}"));
    let mut all: Vec<String> = contracts.collect();
    let texts = texts::wrong(conn).await?.into_iter();
    all.extend(texts.map(|id| format!("contract {id} is found by a text that differs from its number, its subscriber or its card")));
    all.extend(store::wrong_counts(conn).await?.into_iter().map(|(id,)| format!("tariff {id} counts its living contracts wrongly")));
    Ok(all)
}

/// Finds contracts for the search box.
pub async fn find_by_words(conn: &mut Conn, _: &Granted<perm::ContractsRead>, sought: &Sought) -> Result<Vec<Found>> {
    store::SEARCHED.find(conn, sought, &[]).await
}

/// Inserts many contracts with the given ids, each with its search text.
pub async fn insert_all(tx: &mut Tx, contracts: &[(Contract, String)]) -> Result<()> {
    store::insert_all(tx, contracts).await
}

/// Inserts the holds of new contracts.
pub async fn insert_holds<'a>(tx: &mut Tx, contracts: impl IntoIterator<Item = &'a Contract>) -> Result<()> {
    store::insert_holds(tx, contracts).await
}

/// Saves what use cases of billing change of a locked contract. Errors: `stale_version`.
pub async fn save(tx: &mut Tx, contract: &mut Contract) -> Result<()> {
    store::save(tx, contract).await
}
