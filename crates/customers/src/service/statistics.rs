//! Statistics of subscribers.

use acl::{Granted, perm};
use chrono::{Datelike, Days, NaiveDate};
use database::Conn;
use kernel::Result;

use crate::{
    model::{CustomerStatistics, CustomerStatus, CustomerType, DayCount, StatusCounts},
    store::statistics as store,
};

/// The number of days whose registrations are counted separately.
const DAYS: u64 = 30;

/// Returns the numbers of subscribers by status and type, and of recent registrations.
pub async fn statistics(conn: &mut Conn, _granted: &Granted<perm::ReportsRead>) -> Result<CustomerStatistics> {
    let context = conn.context().clone();
    let counts = store::by_status_and_type(conn).await?;
    let count = |fits: &dyn Fn(CustomerStatus, CustomerType) -> bool| {
        counts.iter().filter(|(status, kind, _)| fits(*status, *kind)).map(|(_, _, count)| count).sum::<i64>()
    };
    let of = |wanted: CustomerStatus| count(&|status, _| status == wanted);
    let present = |wanted: CustomerType| count(&|status, kind| status != CustomerStatus::Archived && kind == wanted);
    let today = conn.today();
    let before = |days: u64| today.checked_sub_days(Days::new(days)).unwrap_or(today);
    let days: Vec<NaiveDate> = (0..DAYS).rev().map(before).collect();
    let tomorrow = today.succ_opt().unwrap_or(today);
    let moments: Vec<_> = days.iter().chain([&tomorrow]).map(|day| context.day_begins(*day)).collect();
    let by_day = store::registered_between(conn, &moments).await?;
    let first = today.with_day(1).unwrap_or(today);
    let of_month = store::registered_between(conn, &[context.day_begins(first), context.day_begins(tomorrow)]).await?;
    Ok(CustomerStatistics {
        total: count(&|status, _| status != CustomerStatus::Archived),
        by_status: StatusCounts {
            active: of(CustomerStatus::Active),
            suspended: of(CustomerStatus::Suspended),
            blocked: of(CustomerStatus::Blocked),
            archived: of(CustomerStatus::Archived),
        },
        individuals: present(CustomerType::Individual),
        organizations: present(CustomerType::Organization),
        with_active_contract: store::with_active_contract(conn).await?,
        registered_today: by_day.last().copied().unwrap_or_default(),
        registered_this_month: of_month.first().copied().unwrap_or_default(),
        registrations: days.into_iter().zip(by_day).map(|(date, count)| DayCount { date, count }).collect(),
    })
}
