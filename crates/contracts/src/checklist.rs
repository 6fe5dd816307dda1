//! What a draft needs before it can be activated (SPEC 7.2).
//!
//! The rules are the very functions that activation goes through, in its order: [`Contract::activated`],
//! [`customers::Customer::active`], [`tariffs::Tariff::for_sale`], [`check`] of options, [`sims::Sim::bind`] and [`sims::Number::assign`]. Here they look at the rows
//! as they are; there, at the same rows under lock.

use acl::{Granted, perm};
use database::Conn;
use kernel::{Code, Error, Result, error::field, id::ContractId};
use tariffs::options::{Wanted, check};

use crate::{
    model::{Contract, refusal},
    store,
};

/// The requirements in the order in which activation asks for them; each is named by the code of its refusal.
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

/// The name of the sentence that tells a requirement.
pub fn sentence_name(requirement: Code) -> String {
    format!("checklist-{}", requirement.name.replace('_', "-"))
}

/// What is to be had before a contract can be activated, and whether it is.
#[derive(Debug)]
pub struct Checklist {
    /// The contract.
    pub contract_id: ContractId,
    /// The contract's version.
    pub version: i64,
    /// Each requirement with its standing.
    pub items: Vec<(Code, RequirementState)>,
}

/// Whether a requirement is met.
#[derive(Debug)]
pub enum RequirementState {
    /// It is.
    Met,
    /// It is not, and activation would say this.
    Refused(Error),
    /// It cannot be told before another one is met.
    Open,
}

impl RequirementState {
    fn of<T>(outcome: Result<T>) -> Self {
        outcome.map_or_else(Self::Refused, |_| Self::Met)
    }
}

impl Checklist {
    /// Whether activation would go through.
    pub fn is_ready(&self) -> bool {
        self.items.iter().all(|(_, standing)| matches!(standing, RequirementState::Met))
    }
}

/// What a contract still lacks for its activation. Errors: `contract_not_found`.
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

/// Whether the options are for sale, whether they go with the tariff, and whether they go with each other.
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

/// Whether there is a SIM, whether it is free, whether it carries a number, and whether that number can be had.
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
    let available =
        number.map_or(RequirementState::Open, |number| RequirementState::of(number.assign(contract.id, conn.now(), conn.today())));
    Ok([RequirementState::Met, free, numbered, available])
}
