//! The past of a contract: its periods, with matching charges and payments.

use billing::{
    OptionFees, PeriodRow,
    days::DayRanges,
    period::{days, end_of_period, last_day},
};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use contracts::{Contract, ContractStatus, HoldReason, Holds};
use kernel::{Actor, Money, Result, id::PaymentId};
use payments::{
    Payment, PaymentMethod, TransactionType,
    ledger::{self, Posting},
};
use tariffs::TariffType;

use super::{
    dice::{Calendar, Dice},
    offers::Offer,
};

/// The time of the billing run, in minutes of the day.
const BILLING: i64 = 2 * 60;
/// The number of periods that a contract needs before it can be in debt or terminated.
const SEASONED: usize = 3;

/// The final state of an activated contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Active.
    Served,
    /// Suspended, because its balance did not cover the charges.
    InDebt,
    /// Suspended with this hold.
    Held(HoldReason),
    /// Terminated.
    Ended,
}

/// How the life of a contract begins and ends.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// The day of the activation.
    pub activated_on: NaiveDate,
    /// The moment of the activation.
    pub activated_at: DateTime<Utc>,
    /// The final state.
    pub fate: Fate,
    /// The id of the first transaction; the others follow.
    pub first_payment: i64,
}

/// A period.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The first day.
    pub start: NaiveDate,
    /// The day after the last.
    pub end: NaiveDate,
}

/// Days on which something may happen.
#[derive(Clone, Copy)]
struct Window {
    first: NaiveDate,
    last: NaiveDate,
}

/// The charge of a period.
#[derive(Clone, Copy)]
struct Charged {
    payment_id: Option<PaymentId>,
    at: DateTime<Utc>,
}

/// The history of a contract.
pub struct History {
    /// The transactions in order of time.
    pub payments: Vec<Payment>,
    /// The periods in order.
    pub periods: Vec<PeriodRow>,
    /// When it was terminated.
    pub ended_at: Option<DateTime<Utc>>,
}

/// The parameters of a history.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The calendar.
    pub calendar: Calendar,
    /// The actor of the transactions.
    pub actor: &'a Actor,
    /// The unit to which payments are rounded, in minor units.
    pub round_sum: i64,
}

struct Life<'a> {
    dice: &'a mut Dice,
    around: Surroundings<'a>,
    offer: &'a Offer,
    fee: Money,
    contract: &'a mut Contract,
    /// The id of the first transaction; the others follow.
    first_payment: i64,
    history: History,
}

/// Builds the history of a contract from its activation up to yesterday, and sets its final state and balance.
pub fn live(dice: &mut Dice, around: Surroundings<'_>, offer: &Offer, contract: &mut Contract, course: Course) -> Result<History> {
    let Course { activated_on, activated_at, fate, first_payment } = course;
    let fee = offer.monthly_fee.less(contract.discount_percent)?;
    let mut spans = spans(activated_on, around.calendar.today);
    let fate = match fate {
        // a contract without a fee cannot be in debt, and debts and terminations take time
        Fate::InDebt if fee == Money::ZERO => Fate::Served,
        Fate::InDebt | Fate::Ended if spans.len() < SEASONED => Fate::Served,
        fate => fate,
    };
    if matches!(fate, Fate::InDebt | Fate::Ended) {
        spans.pop();
    }
    contract.status = ContractStatus::Active;
    contract.activation_date = Some(activated_on);
    contract.billing_day = Some(i64::from(activated_on.day()));
    contract.next_billing_date = spans.last().map(|span| span.end);
    contract.updated_at = activated_at;
    if offer.tariff_type == TariffType::Postpaid {
        // the limit covers one unpaid month, but not two
        contract.credit_limit = Money::from_minor(round_up(fee.minor(), 10_000))?;
    }
    let history = History { payments: Vec::new(), periods: Vec::with_capacity(spans.len()), ended_at: None };
    let mut life = Life { dice, around, offer, fee, contract, first_payment, history };
    if fate == Fate::Ended {
        life.history.ended_at = spans.last().map(|span| around.calendar.in_business_hours(life.dice, last_day(span.end)));
    }
    match offer.tariff_type {
        TariffType::Prepaid => life.prepaid(&spans, activated_at, fate)?,
        TariffType::Postpaid => life.postpaid(&spans, fate)?,
    }
    life.come_to(fate, &spans);
    let Life { contract, history, .. } = life;
    // one version each for creation, activation, every transaction, and the last change of state
    contract.version = 2 + i64::try_from(history.payments.len()).unwrap_or_default() + i64::from(fate != Fate::Served);
    Ok(history)
}

/// The periods since the activation; the last one includes today.
pub fn spans(activated_on: NaiveDate, today: NaiveDate) -> Vec<Span> {
    let next = |start: NaiveDate| Span { start, end: end_of_period(start, activated_on.day()) };
    std::iter::successors(Some(next(activated_on)), |span| Some(next(span.end))).take_while(|span| span.start <= today).collect()
}

const fn round_up(amount: i64, to: i64) -> i64 {
    (amount + to - 1) / to * to
}

impl Life<'_> {
    fn prepaid(&mut self, spans: &[Span], activated_at: DateTime<Utc>, fate: Fate) -> Result<()> {
        let calendar = self.around.calendar;
        let to_the_last = fate == Fate::InDebt;
        let mut before: Option<Span> = None;
        for span in spans {
            let charged_at = if before.is_none() { activated_at } else { calendar.at(span.start, BILLING) };
            let lacking = self.fee.subtract(self.contract.balance)?;
            let topped_up = lacking > Money::ZERO || (!to_the_last && self.dice.percent(15));
            if topped_up {
                // a contract that will be in debt never has more than the next fee
                let beyond = if to_the_last { 0 } else { self.dice.between(0, 3) * self.around.round_sum };
                let amount = round_up(lacking.minor().max(1), self.around.round_sum) + beyond;
                let window = before.map(|before| Window { first: before.start + TimeDelta::days(1), last: last_day(span.start) });
                self.pay_in_parts(amount, window, activated_at)?;
            }
            let payment_id = self.charge(*span, charged_at)?;
            self.period(*span, Some(Charged { payment_id, at: charged_at }));
            before = Some(*span);
        }
        if fate == Fate::Served
            && let Some(before) = before
            && self.dice.percent(30)
        {
            let window = Window { first: before.start + TimeDelta::days(1), last: calendar.yesterday() };
            if window.first <= window.last {
                let amount = self.dice.between(1, 5) * self.around.round_sum;
                self.pay_in_parts(amount, Some(window), activated_at)?;
            }
        }
        Ok(())
    }

    fn postpaid(&mut self, spans: &[Span], fate: Fate) -> Result<()> {
        let calendar = self.around.calendar;
        let last = spans.len().saturating_sub(1);
        for (place, span) in spans.iter().enumerate() {
            let over = place < last || matches!(fate, Fate::InDebt | Fate::Ended);
            if !over {
                self.period(*span, None);
                continue;
            }
            let ended_at = self.history.ended_at.filter(|_| place == last);
            let charged_at = ended_at.unwrap_or_else(|| calendar.at(span.end, BILLING));
            let payment_id = self.charge(*span, charged_at)?;
            self.period(*span, Some(Charged { payment_id, at: charged_at }));
            // two unpaid fees exceed the credit limit
            let left_unpaid = ended_at.is_some() || (fate == Fate::InDebt && place + 2 >= spans.len());
            let last = (span.end + TimeDelta::days(14)).min(calendar.yesterday());
            let window = Window { first: span.end + TimeDelta::days(1), last };
            let owed = self.contract.balance.negated().minor();
            if !left_unpaid && owed > 0 && window.first <= window.last {
                self.pay_in_parts(owed, Some(window), charged_at)?;
            }
        }
        Ok(())
    }

    /// Sets the final state of the contract, and its time.
    fn come_to(&mut self, fate: Fate, spans: &[Span]) {
        let calendar = self.around.calendar;
        let Some(Span { start, end }) = spans.last().copied() else { return };
        let (hold, at) = match fate {
            Fate::Served => return,
            Fate::Ended => {
                self.contract.status = ContractStatus::Terminated;
                self.contract.termination_date = Some(last_day(end));
                self.contract.next_billing_date = None;
                self.contract.sim_id = None;
                self.contract.updated_at = self.history.ended_at.unwrap_or(self.contract.updated_at);
                return;
            }
            Fate::InDebt => (HoldReason::Debt, calendar.at(end, BILLING)),
            Fate::Held(reason) => {
                // in the evening, after any other event of that day
                let since = self.contract.updated_at.with_timezone(&calendar.time_zone).date_naive().max(start);
                let day = self.dice.day(since, calendar.yesterday());
                (reason, calendar.at(day, self.dice.between(21 * 60, 23 * 60)))
            }
        };
        self.contract.status = ContractStatus::Suspended;
        self.contract.holds = Holds(vec![hold]);
        self.contract.updated_at = at;
    }

    fn period(&mut self, span: Span, charged: Option<Charged>) {
        let Span { start: period_start, end: period_end } = span;
        self.history.periods.push(PeriodRow {
            contract_id: self.contract.id,
            period_start,
            period_end,
            tariff_version_id: self.offer.version_id,
            option_fees: OptionFees::default(),
            discount_percent: Some(self.contract.discount_percent),
            whole_fee: self.fee,
            whole_days: days(period_start, period_end),
            fee: charged.map(|_| self.fee),
            charged_days: charged.map(|_| days(period_start, period_end)),
            credited: Money::ZERO,
            payment_id: charged.and_then(|charged| charged.payment_id),
            charged_at: charged.map(|charged| charged.at),
            billing_run_id: None,
            charged_for: DayRanges::default(),
        });
    }

    fn charge(&mut self, span: Span, at: DateTime<Utc>) -> Result<Option<PaymentId>> {
        let Span { start, end } = span;
        if self.fee == Money::ZERO {
            return Ok(None);
        }
        self.contract.total_charged = self.contract.total_charged.add(self.fee)?;
        let posting = Posting {
            transaction_type: TransactionType::Charge,
            amount: self.fee,
            method: PaymentMethod::System,
            transaction_id: None,
            description: Some(format!("{start} – {}", last_day(end))),
            paid_at: None,
            period: Some((start, end)),
        };
        self.post(posting, at).map(Some)
    }

    /// Makes one or two payments on days of the window; without a window, in the half hour before the activation.
    fn pay_in_parts(&mut self, amount: i64, window: Option<Window>, activated_at: DateTime<Utc>) -> Result<()> {
        let calendar = self.around.calendar;
        let step = self.around.round_sum;
        let first_part = amount / 2 / step * step;
        let parts = if first_part > 0 && self.dice.percent(20) { vec![first_part, amount - first_part] } else { vec![amount] };
        let mut moments: Vec<DateTime<Utc>> = Vec::with_capacity(parts.len());
        for _ in &parts {
            let moment = match window {
                Some(window) => {
                    let day = self.dice.day(window.first, window.last);
                    calendar.in_business_hours(self.dice, day)
                }
                None => activated_at - TimeDelta::seconds(self.dice.between(60, 1800)),
            };
            moments.push(moment);
        }
        moments.sort_unstable();
        for (part, at) in parts.into_iter().zip(moments) {
            let posting = Posting {
                transaction_type: TransactionType::Payment,
                amount: Money::from_minor(part)?,
                method: *self.dice.pick(&[
                    PaymentMethod::Cash,
                    PaymentMethod::BankTransfer,
                    PaymentMethod::Terminal,
                    PaymentMethod::Terminal,
                ]),
                transaction_id: None,
                description: None,
                paid_at: None,
                period: None,
            };
            self.post(posting, at)?;
        }
        Ok(())
    }

    fn post(&mut self, posting: Posting, at: DateTime<Utc>) -> Result<PaymentId> {
        self.contract.balance = self.contract.balance.add(posting.transaction_type.effect(posting.amount))?;
        self.contract.updated_at = at;
        let mut payment = ledger::posted(self.contract.id, self.around.actor, posting, self.contract.balance, at);
        let place = i64::try_from(self.history.payments.len()).unwrap_or_default();
        let id = PaymentId::new(self.first_payment + place);
        (payment.id, payment.ledger_number) = (id, Some(place + 1));
        self.history.payments.push(payment);
        Ok(id)
    }
}
