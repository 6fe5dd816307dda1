//! Request bodies and list filters of tickets, and past tickets for bulk loads.

mod canned_answer;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Context, FieldErrors, Input, Several,
    error::field,
    id::{ContractId, CustomerId, TicketId, UserId},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

pub use self::canned_answer::{CannedAnswerFilter, CannedAnswerInput};
use crate::model::{Assignee, Now, Ticket, TicketCategory, TicketPriority, TicketStatus};

/// The fields of a new ticket.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
// in the document not `NewTicket`, which is how Go names the constructor of a `Ticket`
#[schema(as = TicketCreateInput, example = json!({
    "customer_id": 7, "contract_id": 12, "category": "technical", "subject": "Нет связи",
    "description": "С утра телефон не видит сеть.", "priority": "high"
}))]
pub struct NewTicket {
    /// The subscriber that the ticket concerns.
    pub customer_id: CustomerId,
    /// The contract that the ticket concerns; must belong to the subscriber.
    pub contract_id: Option<ContractId>,
    /// The category.
    pub category: TicketCategory,
    /// A short summary; not blank.
    #[validate(length(max = 200))]
    #[schema(min_length = 1, max_length = 200, pattern = r"\S")]
    pub subject: String,
    /// The full description; not blank.
    #[validate(length(max = 5000))]
    #[schema(min_length = 1, max_length = 5000, pattern = r"\S")]
    pub description: String,
    /// How urgent the ticket is; `medium` by default. `critical` requires `tickets:work`, as a later change of the priority does.
    #[serde(default)]
    #[schema(default = json!("medium"))]
    pub priority: TicketPriority,
    /// The user who is to work on the ticket; requires `tickets:assign`. The ticket stays new until the user starts.
    pub assigned_to: Option<UserId>,
}

impl Input for NewTicket {
    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        not_blank("subject", &self.subject, wrong);
        not_blank("description", &self.description, wrong);
    }
}

impl NewTicket {
    /// Creates the ticket; its id is zero until the database assigns one.
    pub(crate) fn filed(&self, number: String, by: Option<UserId>, now: Now<'_>) -> Ticket {
        let time = self.priority.time(now.policy.ticket_hours);
        Ticket {
            id: TicketId::new(0),
            number,
            customer_id: self.customer_id,
            contract_id: self.contract_id,
            category: self.category,
            subject: self.subject.clone(),
            description: self.description.clone(),
            status: TicketStatus::New,
            priority: self.priority,
            priority_rank: self.priority.rank(),
            assigned_to: self.assigned_to,
            created_by: by,
            assigned_at: self.assigned_to.map(|_| now.at),
            first_response_at: None,
            due_at: now.policy.ticket_calendar.after(now.at, time),
            resolved_at: None,
            closed_at: None,
            resolution: None,
            merged_into: None,
            is_overdue: false,
            created_at: now.at,
            updated_at: now.at,
            version: 1,
            stopped_at: None,
            stopped_for: 0,
            response_seconds: None,
            resolution_seconds: None,
        }
    }
}

/// The fields of a ticket that an edit changes; status, priority and assignee have separate actions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "contract_id": 12, "category": "technical", "subject": "Нет связи", "description": "С утра телефон не видит сеть."
}))]
pub struct TicketInput {
    /// The contract that the ticket concerns; must belong to the subscriber.
    pub contract_id: Option<ContractId>,
    /// The category.
    pub category: TicketCategory,
    /// A short summary; not blank.
    #[validate(length(max = 200))]
    #[schema(min_length = 1, max_length = 200, pattern = r"\S")]
    pub subject: String,
    /// The full description; not blank.
    #[validate(length(max = 5000))]
    #[schema(min_length = 1, max_length = 5000, pattern = r"\S")]
    pub description: String,
}

impl Input for TicketInput {
    const SHOWN_BESIDE: &'static [&'static str] = &["customer", "contract", "assigned_to_user", "created_by_user"];

    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        not_blank("subject", &self.subject, wrong);
        not_blank("description", &self.description, wrong);
    }
}

impl TicketInput {
    /// The editable fields of a ticket.
    pub(crate) fn of(ticket: &Ticket) -> Self {
        Self {
            contract_id: ticket.contract_id,
            category: ticket.category,
            subject: ticket.subject.clone(),
            description: ticket.description.clone(),
        }
    }

    /// The names of the fields that differ, separated by commas.
    pub(crate) fn changes(&self, other: &Self) -> String {
        let fields = [
            ("contract_id", self.contract_id != other.contract_id),
            ("category", self.category != other.category),
            ("subject", self.subject != other.subject),
            ("description", self.description != other.description),
        ];
        fields.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// The user who is to work on a ticket.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "user_id": 3 }))]
pub struct AssignInput {
    /// A user with a usable account and permission to work on tickets.
    pub user_id: UserId,
}

impl Input for AssignInput {}

/// How a ticket was solved.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "resolution": "Перезапущена базовая станция." }))]
pub struct ResolveInput {
    /// What was done; not blank.
    #[validate(length(max = 2000))]
    #[schema(min_length = 1, max_length = 2000, pattern = r"\S")]
    pub resolution: String,
}

impl Input for ResolveInput {
    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        not_blank("resolution", &self.resolution, wrong);
    }
}

/// Why a ticket is put on hold.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Ждём ответа абонента." }))]
pub struct WaitInput {
    /// What the ticket waits for; not blank.
    #[validate(length(max = 500))]
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    pub reason: String,
}

impl Input for WaitInput {
    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        not_blank("reason", &self.reason, wrong);
    }
}

/// Why a ticket is reopened.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Связь снова пропала." }))]
pub struct ReopenInput {
    /// Why the ticket is not finished; not blank.
    #[validate(length(max = 500))]
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    pub reason: String,
}

impl Input for ReopenInput {
    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        not_blank("reason", &self.reason, wrong);
    }
}

/// Why a ticket is closed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "Абонент отозвал обращение." }))]
pub struct CloseInput {
    /// The reason; required unless the ticket was solved; not blank.
    #[validate(length(max = 500))]
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    pub reason: Option<String>,
}

impl Input for CloseInput {
    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        if let Some(reason) = &self.reason {
            not_blank("reason", reason, wrong);
        }
    }
}

/// The new priority of a ticket.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "priority": "critical" }))]
pub struct PriorityInput {
    /// The priority; the deadline is recalculated from it.
    pub priority: TicketPriority,
}

impl Input for PriorityInput {}

/// The ticket to merge.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "duplicate_id": 32 }))]
pub struct MergeTicketsInput {
    /// Another ticket of the same subscriber, which is closed.
    pub duplicate_id: TicketId,
}

impl Input for MergeTicketsInput {}

/// A comment on a ticket.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "text": "Мастер приедет завтра с 10 до 12.", "is_internal": false }))]
pub struct CommentInput {
    /// The text; not blank.
    #[validate(length(max = 5000))]
    #[schema(min_length = 1, max_length = 5000, pattern = r"\S")]
    pub text: String,
    /// Whether the comment is for the staff only, which is the default; a comment for the subscriber counts as a response.
    #[serde(default = "yes")]
    #[schema(default = json!(true))]
    pub is_internal: bool,
}

const fn yes() -> bool {
    true
}

impl Input for CommentInput {
    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        not_blank("text", &self.text, wrong);
    }
}

/// Reports a blank text. This also covers the minimum length, so that an empty text causes one error and not two.
pub(crate) fn not_blank(name: &str, text: &str, wrong: &mut FieldErrors) {
    if text.trim().is_empty() {
        wrong.add(name, field::REQUIRED);
    }
}

/// Which tickets to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TicketFilter {
    /// Only with this status.
    #[param(value_type = Option<Vec<TicketStatus>>)]
    pub status: Option<Several<TicketStatus>>,
    /// Only of this category.
    #[param(value_type = Option<Vec<TicketCategory>>)]
    pub category: Option<Several<TicketCategory>>,
    /// Only with this priority.
    #[param(value_type = Option<Vec<TicketPriority>>)]
    pub priority: Option<Several<TicketPriority>>,
    /// Only tickets of this subscriber.
    #[param(value_type = Option<Vec<CustomerId>>)]
    pub customer_id: Option<Several<CustomerId>>,
    /// Only tickets of this contract.
    #[param(value_type = Option<Vec<ContractId>>)]
    pub contract_id: Option<Several<ContractId>>,
    /// Only tickets assigned to this user.
    #[param(value_type = Option<Vec<UserId>>)]
    pub assigned_to: Option<Several<UserId>>,
    /// Only overdue tickets, or only others.
    pub overdue: Option<bool>,
    /// Filed at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Filed at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
    /// Part of a number, subject or description.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

/// Which tickets of a queue to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QueueFilter {
    /// Only with this status.
    #[param(value_type = Option<Vec<TicketStatus>>)]
    pub status: Option<Several<TicketStatus>>,
    /// Only of this category.
    #[param(value_type = Option<Vec<TicketCategory>>)]
    pub category: Option<Several<TicketCategory>>,
    /// Only with this priority.
    #[param(value_type = Option<Vec<TicketPriority>>)]
    pub priority: Option<Several<TicketPriority>>,
    /// Part of a number, subject or description.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

/// Which comments to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CommentFilter {
    /// Only comments for the staff, or only comments for the subscriber.
    pub is_internal: Option<bool>,
}

/// What to do with a mail that names no ticket.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboundQuery {
    /// The subscriber for mail from addresses that no subscriber has; without it, such mail is refused.
    pub fallback_customer_id: Option<CustomerId>,
    /// The category of new tickets; `other` by default.
    pub category: Option<TicketCategory>,
}

/// A journal without filters.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryFilter {}

/// Which tickets the statistics include.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatisticsFilter {
    /// Filed on this day or later; at most 365 days before `to`, and 29 days before it by default.
    pub from: Option<NaiveDate>,
    /// Filed on this day or earlier; today by default.
    pub to: Option<NaiveDate>,
}

/// A past ticket with its outcome, for bulk loads.
#[derive(Clone, Debug)]
pub struct PastTicket {
    /// The fields of the ticket.
    pub input: NewTicket,
    /// When the ticket was filed.
    pub filed_at: DateTime<Utc>,
    /// To whom and when the ticket was assigned, if it was.
    pub assigned: Option<(Assignee, DateTime<Utc>)>,
    /// What the assignee wrote to the subscriber then.
    pub answer: Option<String>,
    /// How and when the ticket was solved, if it was; only an assigned ticket can be solved.
    pub resolved: Option<(String, DateTime<Utc>)>,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kernel::{Origin, Policy, Result, country::Country, input::parse};
    use serde_json::json;

    use super::*;

    fn read<I: Input>(body: &serde_json::Value) -> Result<I> {
        let country = Country::Ru;
        let policy = Policy::standard(country);
        let context = Context {
            now: DateTime::UNIX_EPOCH,
            policy: Arc::new(policy),
            origin: Origin::default(),
            actor: kernel::Actor::system("test"),
        };
        parse(body.to_string().as_bytes(), &context)
    }

    fn wrong<I: Input>(body: &serde_json::Value) -> Vec<(String, &'static str)> {
        let errors = read::<I>(body).err().map(|error| error.wrong_fields().to_vec()).unwrap_or_default();
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn a_ticket_is_of_medium_priority_unless_told_otherwise() {
        let body = json!({ "customer_id": 7, "category": "sim", "subject": "PUK", "description": "Забыл PUK" });
        assert_eq!(read::<NewTicket>(&body).unwrap().priority, TicketPriority::Medium);
    }

    #[test]
    fn blank_and_empty_texts_are_each_refused_once() {
        let body = json!({ "customer_id": 7, "category": "sim", "subject": "", "description": " \n\u{a0}" });
        assert_eq!(wrong::<NewTicket>(&body), [("/subject".to_owned(), field::REQUIRED), ("/description".to_owned(), field::REQUIRED)]);
        assert_eq!(wrong::<ResolveInput>(&json!({ "resolution": " " })), [("/resolution".to_owned(), field::REQUIRED)]);
    }

    #[test]
    fn long_texts_are_refused_by_the_character() {
        assert!(read::<ResolveInput>(&json!({ "resolution": "ё".repeat(2000) })).is_ok());
        assert_eq!(wrong::<ResolveInput>(&json!({ "resolution": "ё".repeat(2001) })), [("/resolution".to_owned(), field::LENGTH)]);
    }
}
