//! Support tickets: questions and complaints of subscribers, and their solutions.
//!
//! [`Ticket`] is the entity; its actions (`model/actions.rs`) are pure functions that take the time and the operator's rules and
//! return the ticket after the action, or a refusal. [`NewTicket`] and [`TicketInput`] are what a client sends. The use cases are
//! [`create`], [`get`], [`list`], [`queue`], [`edit`], [`delete`], the actions from [`assign`] to [`change_priority`], and those of
//! [`comments`] and [`attachments`]. Each step writes a row to the ticket's journal, which [`history`] reads, and one to the audit
//! trail. [`insert_all`] loads many past tickets.

mod input;
pub mod jobs;
mod model;
mod service;
mod store;

use database::page::ListSpec;

pub use input::{
    AssignInput, CloseInput, CommentFilter, CommentInput, HistoryFilter, NewTicket, PastTicket, PriorityInput, QueueFilter, ReopenInput,
    ResolveInput, StatisticsFilter, TicketFilter, TicketInput, WaitInput,
};
pub use model::{
    Assignee, MOST_BYTES, MOST_FILES, NewFile, Queue, Sniffer, Ticket, TicketAction, TicketAttachment, TicketCategory, TicketComment,
    TicketPriority, TicketStatistics, TicketStatus, TicketStep, TicketTimes, TicketsOfAssignee, TicketsOfCategory, TicketsOfPriority,
    TicketsOfStatus, refusal, safe_name,
};
pub use service::{
    actions::{assign, change_priority, close, reopen, resolve, resume, start_work, wait},
    attachments, comments, create, delete, edit, find_by_words, get, give, history, insert_all, list, queue,
    statistics::statistics,
    violations,
};

/// Order fields of ticket lists.
pub const LIST: ListSpec = store::LIST;

/// Order fields of ticket queues; by default the earliest deadline comes first.
pub const QUEUE: ListSpec = store::QUEUE;

/// Order fields of a ticket's attachments.
pub const ATTACHMENT_LIST: ListSpec = store::attachments::LIST;

/// Order fields of the comments on a ticket.
pub const COMMENT_LIST: ListSpec = store::comments::LIST;

/// Order fields of a ticket's journal.
pub const HISTORY_LIST: ListSpec = store::journal::LIST;
