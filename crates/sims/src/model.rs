//! SIM cards, phone numbers and their bindings, with the transitions between their states.

mod binding;
mod number;
mod short;
mod sim;
mod statistics;

pub use binding::{NewBinding, SimBinding};
pub use number::{NewNumber, Number, NumberStatus};
pub use short::SimShort;
pub use sim::{NewSim, RegisteredSim, Sim, SimKind, SimLoss, SimStatus, SimWarning};
pub use statistics::{NumbersByStatus, SimStatistics, SimsByKind, SimsByStatus};

/// Refusals about SIM cards and numbers.
pub mod refusal {
    kernel::codes! {
        /// No such SIM card.
        NOT_FOUND = NotFound "sim_not_found";
        /// A unique value belongs to another SIM card.
        DUPLICATE = Conflict "sim_duplicate";
        /// Only a free SIM card can be bound.
        NOT_FREE = Conflict "sim_not_free";
        /// Only an active SIM card can be suspended.
        NOT_ACTIVE = Conflict "sim_not_active";
        /// Only a suspended SIM card can be resumed.
        NOT_SUSPENDED = Conflict "sim_not_suspended";
        /// Only a bound SIM card can be released.
        NOT_BOUND = Conflict "sim_not_bound";
        /// The SIM card's state does not allow the action.
        WRONG_STATE = Conflict "sim_wrong_state";
        /// A SIM card that served a contract cannot be deleted.
        WAS_BOUND = Conflict "sim_was_bound";
        /// A draft contract refers to the SIM card.
        IN_USE = Conflict "sim_in_use";
        /// A SIM card without a number cannot be bound.
        WITHOUT_NUMBER = Conflict "sim_without_number";
        /// No such number.
        NUMBER_NOT_FOUND = NotFound "number_not_found";
        /// The number cannot be put on a SIM card or given to a contract.
        NUMBER_NOT_AVAILABLE = Conflict "number_not_available";
        /// The number is reserved for another subscriber.
        NUMBER_RESERVED = Conflict "number_reserved";
        /// The number's state does not allow the action.
        NUMBER_WRONG_STATE = Conflict "number_wrong_state";
        /// Another SIM card carries the number.
        NUMBER_TAKEN = Conflict "number_taken";
        /// A number that a SIM card carries cannot go to another operator.
        NUMBER_ON_SIM = Conflict "number_on_sim";
        /// Some numbers of the range already exist.
        NUMBER_DUPLICATE = Conflict "number_duplicate";
    }
}
