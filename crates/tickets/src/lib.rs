//! Support tickets: questions and complaints of subscribers, and their solutions.
//!
//! [`Ticket`] is the entity; its actions (`model/actions.rs`) are pure functions that take the time and the operator's rules and
//! return the ticket after the action, or a refusal. [`NewTicket`] and [`TicketInput`] are what a client sends. The use cases are
//! [`create`], [`get`], [`list`], [`queue`], [`edit`], [`delete`], the actions from [`assign`] to [`change_priority`], [`merge`], and those
//! of [`comments`], [`attachments`] and [`canned_answers`]. [`Mail`] is what a subscriber wrote, and [`inbound`] makes a ticket or a
//! comment of it. Each step writes a row to the ticket's journal, which [`history`] reads, and one to the audit
//! trail. [`insert_all`] loads many past tickets.

mod input;
pub mod jobs;
mod mail;
mod model;
mod service;
mod store;

use database::page::ListSpec;

pub use input::{
    AssignInput, CannedAnswerFilter, CannedAnswerInput, CloseInput, CommentFilter, CommentInput, HistoryFilter, InboundQuery,
    MergeTicketsInput, NewTicket, PastTicket, PriorityInput, QueueFilter, ReopenInput, ResolveInput, StatisticsFilter, TicketFilter,
    TicketInput, WaitInput,
};
pub use mail::{MOST_MAIL_BYTES, Mail, MailFile};
pub use model::{
    Assignee, Automatic, CannedAnswer, InboundMail, LeftOutFile, MOST_BYTES, MOST_FILES, MailOutcome, NewFile, Queue, Sniffer, Ticket,
    TicketAction, TicketAttachment, TicketCategory, TicketComment, TicketPriority, TicketStatistics, TicketStatus, TicketStep, TicketTimes,
    TicketsOfAssignee, TicketsOfCategory, TicketsOfPriority, TicketsOfStatus, refusal, safe_name,
};
pub use service::{
    actions::{assign, change_priority, close, reopen, resolve, resume, start_work, wait},
    attachments, canned_answers, comments, create, delete, edit, find_by_words, get, give, history, inbound, insert_all, list,
    merging::merge,
    queue,
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

/// Order fields of canned answers.
pub const CANNED_ANSWER_LIST: ListSpec = store::canned_answers::LIST;

/// Order fields of a ticket's journal.
pub const HISTORY_LIST: ListSpec = store::journal::LIST;
