//! Support tickets: what subscribers ask or complain about, and how it is solved (SPEC 9).
//!
//! [`Ticket`] is the entity; its actions (`model/actions.rs`) are pure functions that take the time and the operator's rules
//! and answer the ticket after them, or a refusal. [`NewTicket`] and [`TicketInput`] are what a client may send. The use
//! cases are [`create`], [`get`], [`list`], [`queue`], [`edit`], [`delete`], the actions from [`assign`] to
//! [`change_priority`], and those of [`comments`]
//! and [`attachments`]; each step leaves a row in the ticket's journal, which [`history`] reads,
//! and one in the audit trail. [`insert_all`] loads many tickets with their past.

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

/// How lists of tickets are ordered.
pub const LIST: ListSpec = store::LIST;

/// How queues of tickets are ordered: what is due first, first.
pub const QUEUE: ListSpec = store::QUEUE;

/// How the files of a ticket are ordered.
pub const ATTACHMENT_LIST: ListSpec = store::attachments::LIST;

/// How the comments on a ticket are ordered.
pub const COMMENT_LIST: ListSpec = store::comments::LIST;

/// How a ticket's journal is ordered.
pub const HISTORY_LIST: ListSpec = store::journal::LIST;
