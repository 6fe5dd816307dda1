//! What a draft needs before it can be activated.
//!
//! The rules are the functions that activation itself calls, in the same order: [`Contract::activated`], [`customers::Customer::active`],
//! [`tariffs::Tariff::for_sale`], [`check`] of options, [`sims::Sim::bind`] and [`sims::Number::assign`]. The checklist applies them to
//! rows read without a lock, activation to the locked rows.

use acl::{Granted, perm};
use database::Conn;
use kernel::{Code, Error, Result, error::field, id::ContractId};
use tariffs::options::{Wanted, check};

use crate::{
    model::{Contract, refusal},
    store,
};

/// The requirements in the order in which activation checks them, each named by the usual code of its refusal.
pub const REQUIREMENTS: [Code; 10] = [
    refusal::NOT_DRAFT,
    customers::refusal::NOT_ACTIVE,
    tariffs::refusal::RETIRED,
    tariffs::refusal::OPTION_RETIRED,
    tariffs::refusal::OPTION_INCOMPATIBLE,
    tariffs::refusal::OPTIONS_EXCLUSIVE,
    refusal::SIM_MISSING,
    sims::refusal::NOT_FREE,
    sims::refusal::WITHOUT_NUMBER,
    sims::refusal::NUMBER_NOT_AVAILABLE,
];

/// The message key of a requirement.
pub fn sentence_name(requirement: Code) -> String {
    format!("checklist-{}", requirement.name.replace('_', "-"))
}

/// The requirements for activating a contract, and whether each is met.
#[derive(Debug)]
pub struct Checklist {
    /// The contract.
    pub contract_id: ContractId,
    /// The contract's version.
    pub version: i64,
    /// Each requirement with its state.
    pub items: Vec<(Code, RequirementState)>,
}

/// Whether a requirement is met.
#[derive(Debug)]
pub enum RequirementState {
    /// The requirement is met.
    Met,
    /// The requirement is not met; activation fails with this error.
    Refused(Error),
    /// The requirement cannot be checked until another one is met.
    Open,
}

impl RequirementState {
    fn of<T>(outcome: Result<T>) -> Self {
        outcome.map_or_else(Self::Refused, |_| Self::Met)
    }
}

impl Checklist {
    /// Whether activation would succeed.
    pub fn is_ready(&self) -> bool {
        self.items.iter().all(|(_, standing)| matches!(standing, RequirementState::Met))
    }
}

/// Checks what a contract still needs for its activation. Errors: `contract_not_found`.
pub async fn checklist(conn: &mut Conn, _: &Granted<perm::ContractsRead>, id: ContractId) -> Result<Checklist> {
    let contract = store::get(conn, id).await?.ok_or(refusal::NOT_FOUND)?;
    let customer = customers::peek(conn, contract.customer_id).await?.ok_or_else(|| Error::of_field("customer_id", field::NOT_FOUND));
    let tariff = tariffs::peek(conn, contract.tariff_id).await?.ok_or_else(|| Error::of_field("tariff_id", field::NOT_FOUND));
    let mut standings = vec![
        RequirementState::of(contract.activated(conn.today())),
        RequirementState::of(customer.and_then(customers::Customer::active)),
        RequirementState::of(tariff.and_then(tariffs::Tariff::for_sale)),
    ];
    standings.extend(of_options(conn, &contract).await?);
    standings.extend(of_sim(conn, &contract).await?);
    Ok(Checklist { contract_id: id, version: contract.version, items: REQUIREMENTS.into_iter().zip(standings).collect() })
}

/// Checks that the options are for sale, are compatible with the tariff, and are compatible with each other.
async fn of_options(conn: &mut Conn, contract: &Contract) -> Result<[RequirementState; 3]> {
    let Err(error) = check(conn, contract.tariff_id, Wanted::anew(&contract.options.0)).await else {
        return Ok([RequirementState::Met, RequirementState::Met, RequirementState::Met]);
    };
    match error.code() {
        tariffs::refusal::OPTION_RETIRED => Ok([RequirementState::Refused(error), RequirementState::Open, RequirementState::Open]),
        tariffs::refusal::OPTION_INCOMPATIBLE => Ok([RequirementState::Met, RequirementState::Refused(error), RequirementState::Open]),
        tariffs::refusal::OPTIONS_EXCLUSIVE => Ok([RequirementState::Met, RequirementState::Met, RequirementState::Refused(error)]),
        _ => Err(error),
    }
}

/// Checks that there is a SIM, that it is free, that it has a number, and that this number is available.
async fn of_sim(conn: &mut Conn, contract: &Contract) -> Result<[RequirementState; 4]> {
    let found = match contract.sim_id {
        Some(sim_id) => sims::peek(conn, sim_id).await?,
        None => None,
    };
    let Some((sim, number)) = found else {
        return Ok([
            RequirementState::Refused(refusal::SIM_MISSING.into()),
            RequirementState::Open,
            RequirementState::Open,
            RequirementState::Open,
        ]);
    };
    let free = RequirementState::of(sim.clone().free());
    let numbered = match (&number, sim.bind(contract.id, conn.now())) {
        (None, Err(error)) if error.code() == sims::refusal::WITHOUT_NUMBER => RequirementState::Refused(error),
        (None, _) => RequirementState::Open,
        (Some(_), _) => RequirementState::Met,
    };
    let available = number.map_or(RequirementState::Open, |number| {
        RequirementState::of(number.assign(contract.id, contract.customer_id, conn.now(), conn.today()))
    });
    Ok([RequirementState::Met, free, numbered, available])
}
