//! The actions on a ticket, the statuses from which each is allowed, and the clock. Each action returns the ticket after it.
//!
//! The time to solve a ticket counts from its filing, in working hours. The clock stops while the ticket is waiting, solved or
//! closed; when it runs again, the deadline moves by the working time that it was stopped. So a reopened ticket has the time that was
//! left, and closing and reopening gains no time.

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Error, Policy, Result, error::field, id::UserId};

use super::{
    Ticket, TicketPriority,
    TicketStatus::{self, Closed, InProgress, New, Resolved, Waiting},
    refusal,
};

/// What two tickets become when one is merged into the other.
#[derive(Clone, Debug)]
pub struct MergedTickets {
    /// The ticket that goes on.
    pub kept: Ticket,
    /// The duplicate, which is closed.
    pub duplicate: Ticket,
}

/// The moment of an action and the rules that apply to it.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// The moment.
    pub at: DateTime<Utc>,
    /// The operator's rules.
    pub policy: &'a Policy,
}

impl Now<'_> {
    fn working_time(self, since: DateTime<Utc>) -> TimeDelta {
        self.policy.ticket_calendar.between(since, self.at)
    }
}

impl Ticket {
    /// The form that clients see: `is_overdue` is computed for `now`, or for the moment the clock stopped.
    #[must_use]
    pub fn shown(mut self, now: DateTime<Utc>) -> Self {
        self.is_overdue = self.status.is_open() && self.due_at < self.stopped_at.unwrap_or(now);
        self
    }

    /// Assigns the ticket to a user; a new ticket becomes in progress.
    ///
    /// Errors: `ticket_wrong_state` unless it is new, in progress or waiting.
    pub fn assign(&self, user: UserId, now: Now<'_>) -> Result<Self> {
        self.only_from(&[New, InProgress, Waiting])?;
        let status = if self.status == New { InProgress } else { self.status };
        Ok(Self { status, assigned_to: Some(user), assigned_at: Some(now.at), ..self.changed(now) })
    }

    /// Starts work on the ticket.
    ///
    /// Errors: `ticket_wrong_state` unless it is new, `ticket_not_assigned`.
    pub fn start_work(&self, now: Now<'_>) -> Result<Self> {
        self.only_from(&[New])?;
        if self.assigned_to.is_none() {
            return Err(Error::new(refusal::NOT_ASSIGNED));
        }
        Ok(Self { status: InProgress, ..self.changed(now) })
    }

    /// Puts the ticket on hold and stops its clock. Errors: `ticket_wrong_state` unless it is new or in progress.
    pub fn wait(&self, now: Now<'_>) -> Result<Self> {
        self.only_from(&[New, InProgress])?;
        Ok(Self { status: Waiting, stopped_at: Some(now.at), ..self.changed(now) })
    }

    /// Ends the hold: the ticket becomes in progress, or new if it is not assigned.
    ///
    /// Errors: `ticket_wrong_state` unless it is waiting.
    pub fn resume(&self, now: Now<'_>) -> Result<Self> {
        self.only_from(&[Waiting])?;
        Ok(Self { status: self.taken_up(), ..self.changed(now) }.restarted(now))
    }

    /// Marks the ticket as solved. Errors: `ticket_wrong_state` unless it is in progress or waiting.
    pub fn resolve(&self, resolution: &str, now: Now<'_>) -> Result<Self> {
        self.only_from(&[InProgress, Waiting])?;
        let after = self.changed(now).restarted(now);
        let took = now.working_time(self.created_at) - TimeDelta::microseconds(after.stopped_for);
        Ok(Self {
            status: Resolved,
            stopped_at: Some(now.at),
            resolved_at: Some(now.at),
            resolution: Some(resolution.to_owned()),
            resolution_seconds: Some(took.num_seconds().max(0)),
            ..after
        })
    }

    /// Closes the ticket. Errors: `ticket_wrong_state` if it is closed, `required` in the field `reason` unless it was solved.
    pub fn close(&self, reason: Option<&str>, now: Now<'_>) -> Result<Self> {
        self.only_from(&[New, InProgress, Waiting, Resolved])?;
        if self.status != Resolved && reason.is_none() {
            return Err(Error::of_field("reason", field::REQUIRED));
        }
        // the clock of a solved ticket stays stopped since the solution
        let after = if self.status == Resolved { self.changed(now) } else { self.changed(now).restarted(now) };
        Ok(Self { status: Closed, closed_at: Some(now.at), stopped_at: after.stopped_at.or(Some(now.at)), ..after })
    }

    /// Reopens the ticket, with the same user if `keep_user`: it becomes in progress, or new if it is not assigned.
    ///
    /// Errors: `ticket_wrong_state` unless it is resolved or closed.
    pub fn reopen(&self, keep_user: bool, now: Now<'_>) -> Result<Self> {
        self.only_from(&[Resolved, Closed])?;
        let kept = Self {
            assigned_to: self.assigned_to.filter(|_| keep_user),
            assigned_at: self.assigned_at.filter(|_| keep_user),
            resolved_at: None,
            closed_at: None,
            resolution: None,
            resolution_seconds: None,
            ..self.changed(now)
        };
        Ok(Self { status: kept.taken_up(), ..kept }.restarted(now))
    }

    /// Changes the priority and recalculates the deadline. Errors: `ticket_wrong_state` if the ticket is closed.
    pub fn change_priority(&self, priority: TicketPriority, now: Now<'_>) -> Result<Self> {
        self.only_from(&[New, InProgress, Waiting, Resolved])?;
        let time = priority.time(now.policy.ticket_hours) + TimeDelta::microseconds(self.stopped_for);
        let due_at = now.policy.ticket_calendar.after(self.created_at, time);
        Ok(Self { priority, priority_rank: priority.rank(), due_at, ..self.changed(now) })
    }

    /// Merges a duplicate into the ticket. A response to either is a response to the subscriber.
    ///
    /// Errors: `ticket_wrong_state` if this ticket is closed, `ticket_merged` if one of them was merged before, `mismatch` in the field
    /// `duplicate_id` for the same ticket or one of another subscriber.
    pub fn absorb(&self, duplicate: &Self, now: Now<'_>) -> Result<MergedTickets> {
        if self.id == duplicate.id || self.customer_id != duplicate.customer_id {
            return Err(Error::of_field("duplicate_id", field::MISMATCH));
        }
        self.only_from(&[New, InProgress, Waiting, Resolved])?;
        duplicate.not_merged()?;
        let closed = if duplicate.status == Closed { duplicate.changed(now) } else { duplicate.close(Some(&self.number), now)? };
        let responses = [self.first_response_at, duplicate.first_response_at.map(|at| at.max(self.created_at))];
        let first_response_at = responses.into_iter().flatten().min();
        let response_seconds =
            first_response_at.map(|at| now.policy.ticket_calendar.between(self.created_at, at).num_seconds()).or(self.response_seconds);
        Ok(MergedTickets {
            kept: Self { first_response_at, response_seconds, ..self.changed(now) },
            duplicate: Self { merged_into: Some(self.id), ..closed },
        })
    }

    /// Checks that the ticket was not merged into another. Errors: `ticket_merged`.
    pub fn not_merged(&self) -> Result<()> {
        match self.merged_into {
            Some(into) => Err(Error::new(refusal::MERGED).with("into", into)),
            None => Ok(()),
        }
    }

    /// Returns the ticket after its first response to the subscriber, or `None` if there already was a response.
    #[must_use]
    pub fn answered(&self, now: Now<'_>) -> Option<Self> {
        self.first_response_at.is_none().then(|| self.changed(now).responded(now))
    }

    /// Returns a copy with the next version, changed now.
    #[must_use]
    pub fn changed(&self, now: Now<'_>) -> Self {
        Self { updated_at: now.at, version: self.version + 1, ..self.clone() }
    }

    /// Checks that the ticket has one of these statuses. Errors: `ticket_wrong_state`, `ticket_merged`.
    pub fn only_from(&self, allowed: &[TicketStatus]) -> Result<()> {
        self.not_merged()?;
        if allowed.contains(&self.status) {
            return Ok(());
        }
        let from: Vec<&str> = allowed.iter().map(|status| status.as_str()).collect();
        Err(Error::new(refusal::WRONG_STATE).with("status", self.status).with("from", from.join(", ")))
    }

    fn taken_up(&self) -> TicketStatus {
        if self.assigned_to.is_some() { InProgress } else { New }
    }

    fn responded(self, now: Now<'_>) -> Self {
        if self.first_response_at.is_some() {
            return self;
        }
        let took = now.working_time(self.created_at).num_seconds();
        Self { first_response_at: Some(now.at), response_seconds: Some(took), ..self }
    }

    /// Lets a stopped clock run again.
    fn restarted(self, now: Now<'_>) -> Self {
        let Some(stopped_at) = self.stopped_at else { return self };
        let stood = now.working_time(stopped_at);
        Self {
            due_at: now.policy.ticket_calendar.after(self.due_at, stood),
            stopped_for: self.stopped_for.saturating_add(stood.num_microseconds().unwrap_or_default()),
            stopped_at: None,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{
        Calendar,
        country::Country,
        id::{CustomerId, TicketId},
    };
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::{super::TicketCategory, *};

    const USER: UserId = UserId::new(3);

    fn hour(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    fn now(policy: &Policy, at: i64) -> Now<'_> {
        Now { at: hour(at), policy }
    }

    /// A ticket of high priority, filed at hour 0, with eight hours left.
    fn ticket(status: TicketStatus) -> Ticket {
        Ticket {
            id: TicketId::new(1),
            number: "T-197001-000000".into(),
            customer_id: CustomerId::new(7),
            contract_id: None,
            category: TicketCategory::Technical,
            subject: "Нет связи".into(),
            description: "Телефон не видит сеть".into(),
            status,
            priority: TicketPriority::High,
            priority_rank: 3,
            assigned_to: None,
            created_by: None,
            assigned_at: None,
            first_response_at: None,
            due_at: hour(8),
            resolved_at: None,
            closed_at: None,
            resolution: None,
            merged_into: None,
            is_overdue: false,
            created_at: hour(0),
            updated_at: hour(0),
            version: 1,
            stopped_at: (!matches!(status, New | InProgress)).then(|| hour(0)),
            stopped_for: 0,
            response_seconds: None,
            resolution_seconds: None,
        }
    }

    #[test]
    fn each_action_is_possible_only_from_its_states() {
        let policy = Policy::standard(Country::Ru);
        let at = now(&policy, 1);
        type Action<'a> = Box<dyn Fn(&Ticket) -> Result<Ticket> + 'a>;
        let actions: [(&str, Action<'_>, [Option<TicketStatus>; 5]); 9] = [
            ("assign", Box::new(|one| one.assign(USER, at)), [Some(InProgress), Some(InProgress), Some(Waiting), None, None]),
            ("start_work", Box::new(|one| one.start_work(at)), [Some(InProgress), None, None, None, None]),
            ("wait", Box::new(|one| one.wait(at)), [Some(Waiting), Some(Waiting), None, None, None]),
            ("resume", Box::new(|one| one.resume(at)), [None, None, Some(InProgress), None, None]),
            ("resolve", Box::new(|one| one.resolve("x", at)), [None, Some(Resolved), Some(Resolved), None, None]),
            ("close", Box::new(|one| one.close(Some("x"), at)), [Some(Closed), Some(Closed), Some(Closed), Some(Closed), None]),
            ("reopen", Box::new(|one| one.reopen(true, at)), [None, None, None, Some(InProgress), Some(InProgress)]),
            ("reopen without", Box::new(|one| one.reopen(false, at)), [None, None, None, Some(New), Some(New)]),
            (
                "change_priority",
                Box::new(|one| one.change_priority(TicketPriority::Low, at)),
                [Some(New), Some(InProgress), Some(Waiting), Some(Resolved), None],
            ),
        ];
        for (name, action, outcomes) in actions {
            for (status, expected) in TicketStatus::ALL.iter().zip(outcomes) {
                let before = Ticket { assigned_to: Some(USER), ..ticket(*status) };
                match (action(&before), expected) {
                    (Ok(after), Some(expected)) => {
                        assert_eq!((after.status, after.version, after.updated_at), (expected, 2, hour(1)), "{name} from {status}");
                        // the clock is stopped exactly while the ticket is waiting, solved or closed
                        assert_eq!(after.stopped_at.is_some(), !matches!(after.status, New | InProgress), "{name} from {status}");
                    }
                    (Err(error), None) => {
                        assert_eq!((error.code(), &error.args()[0]), (refusal::WRONG_STATE, &("status", status.to_string())));
                    }
                    (outcome, _) => panic!("{name} from {status}: {outcome:?}"),
                }
            }
        }
    }

    #[test]
    fn work_starts_and_goes_on_only_where_somebody_does_it() {
        let policy = Policy::standard(Country::Ru);
        assert_eq!(ticket(New).start_work(now(&policy, 1)).unwrap_err().code(), refusal::NOT_ASSIGNED);
        assert_eq!(ticket(Waiting).resume(now(&policy, 1)).unwrap().status, New);
    }

    #[test]
    fn a_reason_is_needed_to_close_what_was_not_solved() {
        let policy = Policy::standard(Country::Ru);
        for status in [New, InProgress, Waiting] {
            let refused = ticket(status).close(None, now(&policy, 1)).unwrap_err();
            assert_eq!((&*refused.wrong_fields()[0].pointer, refused.wrong_fields()[0].code), ("/reason", field::REQUIRED));
        }
        assert_eq!(ticket(Resolved).close(None, now(&policy, 1)).unwrap().closed_at, Some(hour(1)));
        assert_eq!(ticket(Closed).close(None, now(&policy, 1)).unwrap_err().code(), refusal::WRONG_STATE);
    }

    #[test]
    fn only_the_first_message_to_the_subscriber_is_the_first_response() {
        let policy = Policy::standard(Country::Ru);
        let first = ticket(New).assign(USER, now(&policy, 1)).unwrap();
        let second = first.assign(UserId::new(4), now(&policy, 2)).unwrap();
        assert_eq!((second.assigned_at, second.first_response_at, second.response_seconds), (Some(hour(2)), None, None));
        assert_eq!(ticket(New).wait(now(&policy, 2)).unwrap().first_response_at, None);
        assert_eq!(second.resolve("x", now(&policy, 3)).unwrap().first_response_at, None);
        assert_eq!(ticket(New).close(Some("x"), now(&policy, 3)).unwrap().first_response_at, None);
        let answered = second.answered(now(&policy, 4)).unwrap();
        assert_eq!((answered.first_response_at, answered.response_seconds), (Some(hour(4)), Some(4 * 3600)));
        assert!(answered.answered(now(&policy, 5)).is_none());
    }

    #[test]
    fn the_deadline_moves_by_the_time_that_the_ticket_waited_or_was_over() {
        let policy = Policy::standard(Country::Ru);
        let waiting = ticket(New).wait(now(&policy, 3)).unwrap();
        assert!(!waiting.clone().shown(hour(100)).is_overdue);
        let resumed = waiting.resume(now(&policy, 13)).unwrap();
        assert_eq!(resumed.due_at, hour(18));
        let resolved = Ticket { assigned_to: Some(USER), status: InProgress, ..resumed }.resolve("x", now(&policy, 17)).unwrap();
        assert_eq!((resolved.due_at, resolved.resolution_seconds), (hour(18), Some(7 * 3600)));
        let closed = resolved.close(None, now(&policy, 50)).unwrap();
        let reopened = closed.reopen(true, now(&policy, 117)).unwrap();
        // an hour was left when it was solved
        assert_eq!((reopened.due_at, reopened.resolved_at, reopened.closed_at, reopened.resolution), (hour(118), None, None, None));
        // solved while waiting: the wait does not count
        let solved = ticket(New).wait(now(&policy, 3)).unwrap().resolve("x", now(&policy, 30)).unwrap();
        assert_eq!((solved.due_at, solved.resolution_seconds), (hour(35), Some(3 * 3600)));
    }

    #[test]
    fn what_was_overdue_when_its_clock_stopped_is_so_afterwards() {
        let policy = Policy::standard(Country::Ru);
        let late = ticket(InProgress).wait(now(&policy, 9)).unwrap();
        assert!(late.clone().shown(hour(9)).is_overdue);
        assert!(late.resume(now(&policy, 20)).unwrap().shown(hour(20)).is_overdue);
        let overdue = |status, at| ticket(status).shown(at).is_overdue;
        assert!(!overdue(New, hour(8)) && overdue(New, hour(9)) && overdue(InProgress, hour(9)));
        assert!(!overdue(Resolved, hour(9)) && !overdue(Closed, hour(9)) && !overdue(Waiting, hour(9)));
    }

    #[test]
    fn another_priority_counts_from_when_the_ticket_was_filed() {
        let policy = Policy::standard(Country::Ru);
        let resumed = ticket(New).wait(now(&policy, 1)).unwrap().resume(now(&policy, 3)).unwrap();
        let critical = resumed.change_priority(TicketPriority::Critical, now(&policy, 5)).unwrap();
        assert_eq!((critical.due_at, critical.priority_rank), (hour(6), 4));
        assert_eq!(critical.change_priority(TicketPriority::High, now(&policy, 5)).unwrap().due_at, resumed.due_at);
    }

    #[test]
    fn a_merged_duplicate_is_closed_for_good_and_its_answer_counts() {
        let policy = Policy::standard(Country::Ru);
        let kept = ticket(InProgress);
        let other = Ticket { id: TicketId::new(2), number: "T-197001-000001".into(), ..ticket(New) };
        let answered = other.answered(now(&policy, 2)).unwrap();
        let merged = kept.absorb(&answered, now(&policy, 3)).unwrap();
        assert_eq!((merged.kept.status, merged.kept.first_response_at), (InProgress, Some(hour(2))));
        assert_eq!((merged.kept.response_seconds, merged.kept.version), (Some(2 * 3600), 2));
        let duplicate = merged.duplicate;
        assert_eq!((duplicate.status, duplicate.merged_into, duplicate.closed_at), (Closed, Some(kept.id), Some(hour(3))));
        assert_eq!(duplicate.reopen(true, now(&policy, 4)).unwrap_err().code(), refusal::MERGED);
        assert_eq!(kept.absorb(&duplicate, now(&policy, 4)).unwrap_err().code(), refusal::MERGED);
        assert_eq!(duplicate.absorb(&kept, now(&policy, 4)).unwrap_err().code(), refusal::MERGED);
        let closed = Ticket { id: TicketId::new(3), ..ticket(Closed) };
        assert_eq!(kept.absorb(&closed, now(&policy, 4)).unwrap().duplicate.closed_at, closed.closed_at);
        assert_eq!(closed.absorb(&kept, now(&policy, 4)).unwrap_err().code(), refusal::WRONG_STATE);
        let of_another = Ticket { customer_id: CustomerId::new(8), ..other };
        for wrong in [&kept, &of_another] {
            let refused = kept.absorb(wrong, now(&policy, 4)).unwrap_err();
            assert_eq!((&*refused.wrong_fields()[0].pointer, refused.wrong_fields()[0].code), ("/duplicate_id", field::MISMATCH));
        }
    }

    #[test]
    fn deadlines_count_in_working_hours() {
        let zone = Country::Ru.time_zone();
        let hours = "09:00-18:00".parse().unwrap();
        let ticket_calendar = Calendar::new(zone, "mon-fri".parse().unwrap(), hours, ["2026-02-23".parse().unwrap()].into());
        let policy = Policy { ticket_calendar, ..Policy::standard(Country::Ru) };
        let at = |text: &str| Now { at: text.parse().unwrap(), policy: &policy };
        // Friday at noon in Moscow, eight hours left, and Monday is a holiday
        let created_at = "2026-02-20T09:00:00Z".parse().unwrap();
        let filed = Ticket { created_at, due_at: policy.ticket_calendar.after(created_at, TimeDelta::hours(8)), ..ticket(New) };
        assert_eq!(filed.due_at.to_rfc3339(), "2026-02-24T08:00:00+00:00");
        // waits from Friday, an hour before the end of the day, to Tuesday, an hour after its beginning
        let waited = filed.wait(at("2026-02-20T14:00:00Z")).unwrap().resume(at("2026-02-24T07:00:00Z")).unwrap();
        assert_eq!(waited.due_at.to_rfc3339(), "2026-02-24T10:00:00+00:00");
    }

    proptest! {
        /// After any steps, the deadline is the filing plus the time of the priority plus the time that the clock was stopped.
        #[test]
        fn the_deadline_is_always_the_time_to_solve_and_the_time_stood(steps in vec((0_u8..7, 0_i64..5_000), 0..30), days in select(vec!["mon-sun", "mon-fri", "tue"])) {
            let calendar = Calendar::new(Country::Ru.time_zone(), days.parse().unwrap(), "08:30-17:00".parse().unwrap(), Default::default());
            let policy = Policy { ticket_calendar: calendar.clone(), ..Policy::standard(Country::Ru) };
            let mut one = Ticket { due_at: calendar.after(hour(0), TimeDelta::hours(8)), ..ticket(New) };
            let mut at = hour(0);
            for (action, minutes) in steps {
                at += TimeDelta::minutes(minutes);
                let now = Now { at, policy: &policy };
                let after = match action {
                    0 => one.assign(USER, now),
                    1 => one.wait(now),
                    2 => one.resume(now),
                    3 => one.resolve("x", now),
                    4 => one.close(Some("x"), now),
                    5 => one.reopen(true, now),
                    _ => one.change_priority(TicketPriority::ALL[minutes as usize % 4], now),
                };
                if let Ok(after) = after {
                    one = after;
                }
                let time = one.priority.time(policy.ticket_hours) + TimeDelta::microseconds(one.stopped_for);
                prop_assert_eq!(calendar.between(hour(0), one.due_at), time);
                prop_assert_eq!(one.stopped_at.is_none(), matches!(one.status, New | InProgress));
                prop_assert!(one.status != InProgress || one.assigned_to.is_some());
                prop_assert_eq!(one.resolution_seconds.is_some(), one.resolved_at.is_some());
            }
        }
    }
}
