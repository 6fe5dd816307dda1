//! Support tickets: what subscribers ask or complain about, and how it is solved (SPEC 9).
//!
//! [`Ticket`] is the entity; its actions are pure functions that take the time and answer the ticket after them, or a
//! refusal. [`TicketInput`] is what a client may send. The use cases are [`create`], [`get`], [`list`], [`assign`] and
//! [`resolve`]; each step leaves a row in the ticket's journal and one in the audit trail. [`insert_all`] loads many
//! tickets with their past.

mod input;
mod model;
mod service;
mod store;

pub use input::{AssignInput, PastTicket, ResolveInput, TicketFilter, TicketInput};
pub use model::{Assignee, Ticket, TicketCategory, TicketPriority, TicketStatus, refusal};
pub use service::{assign, create, find_by_words, get, give, insert_all, list, resolve};
pub use store::LIST;
