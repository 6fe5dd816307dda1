//! Statistics of tickets.

use acl::{Granted, perm};
use chrono::{Days, NaiveDate};
use database::Conn;
use kernel::{
    Context, Error, FieldErrors, Result,
    error::{common, field},
};

use crate::{
    input::StatisticsFilter,
    model::{
        TicketCategory, TicketPriority, TicketStatistics, TicketStatus, TicketsOfCategory, TicketsOfPriority, TicketsOfStatus, percent,
    },
    store::statistics as figures,
};

/// The default number of days.
const USUAL_DAYS: u64 = 30;
/// The maximum number of days: a leap year.
const MOST_DAYS: i64 = 366;
/// The maximum number of assignees returned.
const MOST_ASSIGNEES: i64 = 100;

/// Returns statistics of the tickets filed in a span of days. Errors: `invalid_parameter` for an invalid or too long span.
pub async fn statistics(conn: &mut Conn, _granted: &Granted<perm::ReportsRead>, filter: &StatisticsFilter) -> Result<TicketStatistics> {
    let (from, to) = days(conn.context(), filter)?;
    let calendar = &conn.policy().ticket_calendar;
    let begins = |day: NaiveDate| calendar.day_begins(day).ok_or_else(|| Error::internal("the beginning of a day could not be computed"));
    let span = figures::Span { from: begins(from)?, until: begins(to + Days::new(1))? };
    let groups = figures::groups(conn, span).await?;
    let by_assignee = figures::assignees(conn, span, MOST_ASSIGNEES).await?;
    let first_response = figures::first_response(conn, span).await?;
    let resolution = figures::resolution(conn, span).await?;
    let within_deadline = figures::within_deadline(conn, span).await?;
    let count = |fits: &dyn Fn(&figures::Group) -> bool| groups.iter().filter(|group| fits(group)).map(|group| group.tickets).sum();
    let of_status = |status: &TicketStatus| TicketsOfStatus { status: *status, tickets: count(&|group| group.status == *status) };
    let of_category =
        |category: &TicketCategory| TicketsOfCategory { category: *category, tickets: count(&|group| group.category == *category) };
    let of_priority =
        |priority: &TicketPriority| TicketsOfPriority { priority: *priority, tickets: count(&|group| group.priority == *priority) };
    Ok(TicketStatistics {
        from,
        to,
        tickets: count(&|_| true),
        open: count(&|group| group.status.is_open()),
        overdue: groups.iter().map(|group| group.overdue).sum(),
        by_status: TicketStatus::ALL.iter().map(of_status).collect(),
        by_category: TicketCategory::ALL.iter().map(of_category).collect(),
        by_priority: TicketPriority::ALL.iter().map(of_priority).collect(),
        by_assignee,
        within_deadline_percent: percent(within_deadline, resolution.tickets),
        first_response,
        resolution,
        within_deadline,
    })
}

fn days(context: &Context, filter: &StatisticsFilter) -> Result<(NaiveDate, NaiveDate)> {
    let mut wrong = FieldErrors::default();
    let to = filter.to.unwrap_or_else(|| context.today());
    let from = filter.from.or_else(|| to.checked_sub_days(Days::new(USUAL_DAYS - 1))).unwrap_or(to);
    let (first, last) = (NaiveDate::from_ymd_opt(1970, 1, 1), NaiveDate::from_ymd_opt(9998, 12, 31));
    for (name, day) in [("from", from), ("to", to)] {
        if Some(day) < first || Some(day) > last {
            let bound = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
            wrong.add_at(name.to_owned(), field::RANGE).with("min", bound(first)).with("max", bound(last));
        }
    }
    if wrong.0.is_empty() && to < from {
        wrong.add_at("to".to_owned(), field::ENDS_BEFORE_BEGIN);
    } else if wrong.0.is_empty() && (to - from).num_days() >= MOST_DAYS {
        let most = to.checked_sub_days(Days::new(MOST_DAYS.unsigned_abs() - 1)).unwrap_or(to);
        wrong.add_at("from".to_owned(), field::RANGE).with("min", most).with("max", to);
    }
    wrong.into_error(common::INVALID_PARAMETER).map(|()| (from, to))
}
