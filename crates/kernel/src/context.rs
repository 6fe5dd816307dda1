//! The context of a use case: the time, the operator's policy, the actor and the origin of the request.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::{
    calendar::{Calendar, WorkingDays, WorkingHours},
    country::Country,
    id::{ApiTokenId, UserId},
    money::{Money, Percent},
    patience::Patience,
    settings::{Reader, on_or_off, parse_text},
};

/// The operator's settings that rules depend on.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The country profile.
    pub country: Country,
    /// The operator's time zone: days begin and end in it.
    pub time_zone: Tz,
    /// Days for which a number stays in quarantine after termination.
    pub number_quarantine_days: i64,
    /// The threshold below which a balance is low.
    pub low_balance: Money,
    /// Hours to solve a ticket, by priority: critical, high, medium, low.
    pub ticket_hours: [i64; 4],
    /// The calendar in which the time to solve a ticket is counted.
    pub ticket_calendar: Calendar,
    /// What subscribers may promise to pay.
    pub promise: PromisePolicy,
    /// What staff may grant on contracts without the permission for more.
    pub grants: GrantPolicy,
    /// Whether the days that a prepaid period is under a hold are credited when the period ends.
    pub credits_holds: bool,
}

/// What staff may grant on contracts without permission `contracts:credit`.
#[derive(Clone, Copy, Debug)]
pub struct GrantPolicy {
    /// The largest credit limit.
    pub credit_limit: Money,
    /// The largest discount.
    pub discount: Percent,
}

/// What subscribers may promise to pay.
#[derive(Clone, Copy, Debug)]
pub struct PromisePolicy {
    /// The most that is credited; zero switches promised payments off.
    pub max: Money,
    /// The longest time, in days.
    pub days: i64,
    /// What it costs.
    pub fee: Money,
}

impl Policy {
    /// The default settings for this country.
    pub fn standard(country: Country) -> Self {
        let time_zone = country.time_zone();
        let ticket_calendar = Calendar::always(time_zone);
        Self {
            country,
            time_zone,
            number_quarantine_days: 90,
            low_balance: Money::from_minor(5_000).unwrap_or_default(),
            ticket_hours: [4, 8, 24, 72],
            ticket_calendar,
            promise: PromisePolicy { max: Money::from_minor(50_000).unwrap_or_default(), days: 3, fee: Money::ZERO },
            grants: GrantPolicy {
                credit_limit: Money::from_minor(100_000).unwrap_or_default(),
                discount: Percent::from_hundredths(2_000).unwrap_or_default(),
            },
            credits_holds: false,
        }
    }

    /// Reads the section of what rules depend on.
    pub fn read(from: &mut Reader<'_>) -> Self {
        let country = from.parsed("COUNTRY", Country::codes(), parse_text, Country::Ru);
        let time_zone = from.parsed("TIMEZONE", "an IANA time zone, such as Europe/Moscow", parse_text, country.time_zone());
        let hours = "a number of hours from 1 to 10000";
        let dates = "dates, such as 2026-01-01, separated by commas";
        let working_hours = "the hours of a working day without overlaps, such as 09:00-18:00, 09:00-13:00,14:00-18:00 or 22:00-06:00";
        let standard = Policy::standard(country);
        let amount = "an amount of zero or more with two decimals at most, such as 500.00";
        let not_below_zero = |text: &str| parse_text::<Money>(text).filter(|amount| *amount >= Money::ZERO);
        Self {
            country,
            time_zone,
            number_quarantine_days: from.number("NUMBER_QUARANTINE_DAYS", "a number of days from 0 to 3650", 0..=3650, 90),
            low_balance: from.parsed("LOW_BALANCE", "an amount with two decimals at most, such as 50.00", parse_text, standard.low_balance),
            ticket_hours: [
                from.number("TICKET_HOURS_CRITICAL", hours, 1..=10_000, 4),
                from.number("TICKET_HOURS_HIGH", hours, 1..=10_000, 8),
                from.number("TICKET_HOURS_MEDIUM", hours, 1..=10_000, 24),
                from.number("TICKET_HOURS_LOW", hours, 1..=10_000, 72),
            ],
            ticket_calendar: Calendar::new(
                time_zone,
                from.parsed("TICKET_WORKING_DAYS", "days of the week, such as mon-fri or mon,wed,fri", parse_text, WorkingDays::default()),
                from.parsed("TICKET_WORKING_HOURS", working_hours, parse_text, WorkingHours::default()),
                from.listed("TICKET_HOLIDAYS", dates, date).into_iter().collect(),
            )
            .with_extra_days(from.listed("TICKET_EXTRA_DAYS", dates, date).into_iter().collect()),
            promise: PromisePolicy {
                max: from.parsed("PROMISE_MAX", amount, not_below_zero, standard.promise.max),
                days: from.number("PROMISE_DAYS", "a number of days from 1 to 30", 1..=30, standard.promise.days),
                fee: from.parsed("PROMISE_FEE", amount, not_below_zero, standard.promise.fee),
            },
            grants: GrantPolicy {
                credit_limit: from.parsed("CREDIT_LIMIT_MAX", amount, not_below_zero, standard.grants.credit_limit),
                discount: from.parsed("DISCOUNT_MAX", "a percentage from 0 to 100", parse_text, standard.grants.discount),
            },
            credits_holds: from.parsed("PREPAID_CREDIT_ON_HOLD", "on or off", on_or_off, standard.credits_holds),
        }
    }
}

/// A date as it is written here, and not as chrono would also read it.
fn date(text: &str) -> Option<NaiveDate> {
    text.parse().ok().filter(|date: &NaiveDate| date.to_string() == text)
}

/// Where a change came from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The request's id, or a job's name.
    pub request_id: String,
    /// The caller's address, if there is one.
    pub address: Option<String>,
    /// How long a request may still wait for the database.
    pub patience: Patience,
}

/// Who makes a change: a user, or the system itself.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The user; `None` for the system and for callers who are not signed in.
    pub user_id: Option<UserId>,
    /// The name that histories show: of the user, with the name of the script token if one acts; or of the part of the system.
    pub name: String,
    /// The script token with which the user acts, if it is one.
    pub token: Option<ActingToken>,
}

/// A script token that acts for its owner.
#[derive(Clone, Debug)]
pub struct ActingToken {
    /// The token's id.
    pub id: ApiTokenId,
    /// The name that the owner gave it.
    pub name: String,
    /// The owner's user name.
    pub owner: String,
}

impl Actor {
    /// A part of the system that acts without a user's request.
    pub fn system(name: impl Into<String>) -> Self {
        Self { user_id: None, name: name.into(), token: None }
    }

    /// A user with a session.
    pub fn user(id: UserId, username: &str) -> Self {
        Self { user_id: Some(id), name: username.to_owned(), token: None }
    }

    /// A user's script.
    pub fn script(user: UserId, token: ActingToken) -> Self {
        Self { user_id: Some(user), name: format!("{} ({})", token.owner, token.name), token: Some(token) }
    }

    /// The name of the user or of the part of the system, without that of a script token.
    pub fn owner(&self) -> &str {
        self.token.as_ref().map_or(&self.name, |token| &token.owner)
    }
}

/// The context of one use case; its time does not change.
#[derive(Clone, Debug)]
pub struct Context {
    /// The current time, in microseconds.
    pub now: DateTime<Utc>,
    /// The operator's settings.
    pub policy: Arc<Policy>,
    /// Where the change comes from.
    pub origin: Origin,
    /// Who makes the change.
    pub actor: Actor,
}

impl Context {
    /// A copy of the context for work on behalf of another actor.
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Arc<Self> {
        Arc::new(Self { actor, ..self.clone() })
    }

    /// A copy of the context for work that follows a slow call to another server: it may wait for the database anew.
    #[must_use]
    pub fn after_a_call(&self) -> Arc<Self> {
        let origin = Origin { patience: self.origin.patience.renewed(), ..self.origin.clone() };
        Arc::new(Self { origin, ..self.clone() })
    }

    /// Today's date in the operator's time zone.
    pub fn today(&self) -> NaiveDate {
        self.now.with_timezone(&self.policy.time_zone).date_naive()
    }

    /// The first moment of a day in the operator's time zone.
    pub fn day_begins(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(NaiveTime::MIN);
        // where clocks go forward at midnight, the day begins an hour later
        let earliest = |local: NaiveDateTime| local.and_local_timezone(self.policy.time_zone).earliest();
        earliest(midnight).or_else(|| earliest(midnight + TimeDelta::hours(1))).map_or_else(|| midnight.and_utc(), |moment| moment.to_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The zones of the countries besides those in the country profiles.
    const OTHER_ZONES: [&str; 24] = [
        "Europe/Kaliningrad",
        "Europe/Kirov",
        "Europe/Volgograd",
        "Europe/Astrakhan",
        "Europe/Saratov",
        "Europe/Ulyanovsk",
        "Europe/Samara",
        "Asia/Yekaterinburg",
        "Asia/Omsk",
        "Asia/Novosibirsk",
        "Asia/Barnaul",
        "Asia/Tomsk",
        "Asia/Novokuznetsk",
        "Asia/Krasnoyarsk",
        "Asia/Irkutsk",
        "Asia/Chita",
        "Asia/Yakutsk",
        "Asia/Vladivostok",
        "Asia/Magadan",
        "Asia/Sakhalin",
        "Asia/Srednekolymsk",
        "Asia/Kamchatka",
        "Asia/Anadyr",
        "Asia/Samarkand",
    ];

    #[test]
    fn in_twenty_years_half_past_midnight_is_the_local_day_in_every_zone_and_days_tile() {
        let first: NaiveDate = "2016-01-01".parse().unwrap();
        let others = OTHER_ZONES.iter().map(|zone| zone.parse().unwrap());
        for zone in Country::ALL.iter().map(|country| country.time_zone()).chain(others) {
            let policy: Arc<Policy> = Policy { time_zone: zone, ..Policy::standard(Country::Ru) }.into();
            let at = |now| Context { now, policy: policy.clone(), origin: Origin::default(), actor: Actor::system("test") };
            for day in first.iter_days().take(20 * 365) {
                let context = at(DateTime::UNIX_EPOCH);
                let begins = context.day_begins(day);
                // where clocks went forward at midnight, as in 2016 in some of these zones, there is no half past midnight
                assert_eq!(at(begins).today(), day, "{zone}");
                assert_eq!(at(begins + TimeDelta::minutes(30)).today(), day, "{zone}");
                assert_eq!(at(begins - TimeDelta::microseconds(1)).today(), day.pred_opt().unwrap(), "{zone}");
                let next = context.day_begins(day.succ_opt().unwrap());
                assert_eq!(at(next - TimeDelta::microseconds(1)).today(), day, "{zone}");
            }
        }
    }

    #[test]
    fn a_day_begins_at_midnight_where_the_operator_is() {
        let begins = |time_zone: Tz, day: &str| {
            let policy = Policy { time_zone, ..Policy::standard(Country::Ru) };
            let context =
                Context { now: DateTime::UNIX_EPOCH, policy: Arc::new(policy), origin: Origin::default(), actor: Actor::system("test") };
            context.day_begins(day.parse().unwrap()).to_rfc3339()
        };
        assert_eq!(begins(chrono_tz::Europe::Moscow, "2026-02-01"), "2026-01-31T21:00:00+00:00");
        assert_eq!(begins(chrono_tz::Asia::Bishkek, "2026-02-01"), "2026-01-31T18:00:00+00:00");
        // clocks went forward at midnight
        assert_eq!(begins(chrono_tz::Asia::Beirut, "2026-03-29"), "2026-03-28T22:00:00+00:00");
    }
}
