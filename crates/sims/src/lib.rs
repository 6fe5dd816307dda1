//! SIM cards, phone numbers, and what was ever bound to whom (SPEC 5).
//!
//! [`Sim`] and [`Number`] are the entities; their transitions are functions that give the new state or a refusal naming
//! the present one, and [`Sim::shown`] hides the PUK from those who may not see it. [`SimInput`] and [`NumberInput`] are
//! what a client may send. The use cases are [`create`], [`get`], [`list`] and their counterparts for numbers, and
//! [`find`], [`bind`], [`suspend`], [`resume`] and [`release`] for the contracts above: a SIM follows its contract.

mod input;
mod model;
mod service;
mod store;

pub use input::{NumberFilter, NumberInput, SimFilter, SimInput};
pub use model::{NewBinding, NewNumber, NewSim, Number, NumberStatus, Sim, SimKind, SimStatus, refusal};
pub use service::{
    bind, create, create_numbers, find, find_by_words, get, get_number, insert_all, insert_bindings, insert_numbers, list, list_numbers,
    peek, release, resume, suspend, violations,
};
pub use service::{follow_contracts_of, give_bindings};
pub use store::{LIST, NUMBER_LIST};
