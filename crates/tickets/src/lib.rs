//! Support tickets: what subscribers ask or complain about, and how it is solved (SPEC 9).
//!
//! [`Ticket`] is the entity; its actions (`model/actions.rs`) are pure functions that take the time and the operator's rules
//! and answer the ticket after them, or a refusal. [`NewTicket`] and [`TicketInput`] are what a client may send. The use
//! cases are [`create`], [`get`], [`list`], [`queue`], [`edit`], [`delete`], the actions from [`assign`] to
//! [`change_priority`], and those of [`comments`]
//! and [`attachments`]; each step leaves a row in the ticket's journal, which [`history`] reads,
//! and one in the audit trail. [`insert_all`] loads many tickets with their past.

mod input;
mod model;
mod service;
mod store;

pub use input::{
    AssignInput, CloseInput, CommentFilter, CommentInput, HistoryFilter, NewTicket, PastTicket, PriorityInput, QueueFilter, ReopenInput,
    ResolveInput, StatisticsFilter, TicketFilter, TicketInput, WaitInput,
};
pub use model::{
    Assignee, MOST_BYTES, MOST_FILES, NewFile, Sniffer, Ticket, TicketAction, TicketAttachment, TicketCategory, TicketComment,
    TicketPriority, TicketStatistics, TicketStatus, TicketStep, TicketTimes, TicketsOfAssignee, TicketsOfCategory, TicketsOfPriority,
    TicketsOfStatus, refusal, safe_name,
};
pub use service::{
    actions::{assign, change_priority, close, reopen, resolve, resume, start_work, wait},
    attachments, comments, create, delete, edit, find_by_words, get, give, history, insert_all, list, queue,
    statistics::statistics,
};
pub use store::{
    LIST, QUEUE, Queue, attachments::LIST as ATTACHMENT_LIST, comments::LIST as COMMENT_LIST, journal::LIST as HISTORY_LIST, violations,
};
