//! The expected charges of each contract, calculated from the billing rules with whole numbers and without the code of `billing`.
//!
//! It gets the actions on a contract, day by day, and returns the expected rows of the ledger, in order, and whether hold `debt` is
//! active. It prefers simplicity to speed: it finds a billing day by going from day to day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};

use super::market::{Market, Plan};

/// An expected row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The type of the transaction.
    pub kind: &'static str,
    /// Its change of the balance, in minor units.
    pub effect: i64,
    /// The first day of its period and the day after the last day.
    pub span: Option<(NaiveDate, NaiveDate)>,
}

/// A hold other than `debt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// The subscriber asked for it.
    Request,
    /// Fraud is suspected.
    Fraud,
    /// The subscriber is suspended.
    Customer,
    /// The card is lost or blocked.
    NoSim,
}

/// The newest period.
#[derive(Clone, Debug)]
struct Period {
    start: NaiveDate,
    end: NaiveDate,
    /// The days of the whole period, of which this may be the rest.
    whole_days: i64,
    tariff: usize,
    /// The tariff's price and the price of each option at the start of the period.
    fee: i64,
    option_fees: BTreeMap<usize, i64>,
    /// The discount in hundredths of a percent.
    discount: i64,
    /// The price of a whole period.
    whole_fee: i64,
    charged: Option<i64>,
    /// Whether it was charged in advance, and no day of it was credited yet.
    is_paid: bool,
}

/// The expected state of a contract.
#[derive(Clone, Debug, Default)]
pub struct Reckoning {
    /// The balance in minor units.
    pub balance: i64,
    /// How far below zero the balance may go.
    pub credit_limit: i64,
    /// The discount on every fee, in hundredths of a percent.
    pub discount: i64,
    /// The plan in force.
    pub plan: Plan,
    /// The plan from the next period on.
    pub next: Plan,
    /// The active holds except `debt`.
    pub holds: BTreeSet<Hold>,
    /// Whether hold `debt` is active.
    pub debt: bool,
    /// Whether it has been activated.
    pub is_begun: bool,
    /// Whether it has been terminated.
    pub is_over: bool,
    /// The day of the month on which periods begin.
    pub billing_day: u32,
    /// The ledger.
    pub rows: Vec<Row>,
    /// What was charged, less automatic credits.
    pub total_charged: i64,
    period: Option<Period>,
    /// The day on which the line went off, while it is off.
    off_since: Option<NaiveDate>,
    /// The days on which the line was off from morning to night.
    days_off: BTreeSet<NaiveDate>,
}

impl Reckoning {
    /// A draft.
    pub fn draft(plan: &Plan) -> Self {
        Self { plan: plan.clone(), next: plan.clone(), ..Self::default() }
    }

    /// Whether the contract is active.
    pub fn is_active(&self) -> bool {
        self.is_begun && !self.is_over && !self.debt && self.holds.is_empty()
    }

    /// The first day of the next period, if the contract stays active until then.
    pub fn next_start(&self) -> Option<NaiveDate> {
        self.period.as_ref().map(|period| period.end)
    }

    /// The cost of a period that begins on this day.
    pub fn next_fee(&self, market: &Market, day: NaiveDate) -> i64 {
        let options = self.next.options.iter().map(|option| market.options[*option].fee).sum::<i64>();
        less(market.fee_on(self.next.tariff, day) + options, self.discount)
    }

    fn runs(&self, today: NaiveDate) -> bool {
        self.period.as_ref().is_some_and(|period| period.end > today)
    }

    fn post(&mut self, kind: &'static str, effect: i64, span: Option<(NaiveDate, NaiveDate)>) {
        // a zero amount creates no row
        if effect != 0 {
            self.balance += effect;
            if kind == "charge" || kind == "correction" && span.is_some() {
                self.total_charged -= effect;
            }
            self.rows.push(Row { kind, effect, span });
        }
    }

    /// Notes after a step whether the line went off or came back. The days of both count as days of service.
    fn watch(&mut self, today: NaiveDate) {
        let is_off = self.is_begun && !self.is_over && !self.is_active();
        match self.off_since {
            None if is_off => self.off_since = Some(today),
            Some(since) if !is_off => {
                self.days_off.extend(since.iter_days().skip(1).take_while(|day| *day < today));
                self.off_since = None;
            }
            _ => {}
        }
    }

    /// The days of service, or those without, from `start` to the day before `end`.
    fn days(&self, served: bool, start: NaiveDate, end: NaiveDate) -> Vec<NaiveDate> {
        let is_off = |day: &NaiveDate| self.days_off.contains(day) || self.off_since.is_some_and(|since| *day > since);
        start.iter_days().take_while(|day| *day < end).filter(|day| is_off(day) != served).collect()
    }

    /// Activates the contract.
    pub fn activate(&mut self, today: NaiveDate, market: &Market) {
        self.is_begun = true;
        self.settle(today, market, true);
    }

    /// Receives a payment. Errors: the code of the refusal.
    pub fn pay(&mut self, amount: i64, today: NaiveDate, market: &Market) -> Result<(), &'static str> {
        if self.is_over && amount > -self.balance {
            return Err("contract_terminated");
        }
        self.move_money("payment", amount, today, market);
        Ok(())
    }

    /// Books a payment, a refund or a correction.
    pub fn move_money(&mut self, kind: &'static str, effect: i64, today: NaiveDate, market: &Market) {
        self.post(kind, effect, None);
        self.settle(today, market, false);
    }

    /// Places a hold, after charging what is due. Debt is decided on afterwards.
    pub fn hold(&mut self, hold: Hold, today: NaiveDate, market: &Market) -> Result<(), &'static str> {
        if !self.is_begun || self.is_over {
            return Err("contract_not_running");
        }
        if self.holds.contains(&hold) {
            return Err("hold_present");
        }
        self.charge_due(today, market, false, false);
        self.holds.insert(hold);
        self.settle(today, market, false);
        Ok(())
    }

    /// Charges what is due when a card is lost that was blocked before.
    pub fn lose_blocked_card(&mut self, today: NaiveDate, market: &Market) {
        self.settle(today, market, false);
    }

    /// Lifts a hold.
    pub fn release(&mut self, hold: Hold, today: NaiveDate, market: &Market) -> Result<(), &'static str> {
        if !self.is_begun || self.is_over {
            return Err("contract_not_running");
        }
        if !self.holds.remove(&hold) {
            return Err("hold_absent");
        }
        self.settle(today, market, true);
        Ok(())
    }

    /// Lifts the subscriber's hold; a running period goes on.
    pub fn release_with_subscriber(&mut self, today: NaiveDate, market: &Market) {
        self.holds.remove(&Hold::Customer);
        if self.runs(today) {
            self.watch(today);
        } else {
            self.settle(today, market, true);
        }
    }

    /// Changes the credit limit and the discount.
    pub fn set_terms(&mut self, credit_limit: i64, discount: i64, today: NaiveDate, market: &Market) {
        if (credit_limit, discount) != (self.credit_limit, self.discount) {
            (self.credit_limit, self.discount) = (credit_limit, discount);
            self.settle(today, market, false);
        }
    }

    /// Terminates the contract: unpaid days of service are charged, including the last day; paid days without service are credited on
    /// request.
    pub fn terminate(&mut self, refund_unused: bool, today: NaiveDate, market: &Market) -> Result<(), &'static str> {
        if self.is_over {
            return Err("contract_terminated");
        }
        self.charge_due(today, market, false, false);
        if let Some(period) = self.period.clone().filter(|period| period.end > today) {
            let tomorrow = today + Days::new(1);
            match period.charged {
                None => drop(self.charge_days(&period, tomorrow.min(period.end))),
                Some(_) => {
                    let (until_now, later) = (refund_unused || market.credits_holds, refund_unused);
                    let mut unused = if until_now { self.days(false, period.start, tomorrow) } else { Vec::new() };
                    unused.extend(tomorrow.iter_days().take_while(|day| later && *day < period.end));
                    self.credit(&period, &unused);
                }
            }
        }
        self.is_over = true;
        self.debt = false;
        self.holds.clear();
        self.next = self.plan.clone();
        Ok(())
    }

    /// Runs the nightly billing: on an active contract the next period begins; on a suspended one an ended period is still charged, and a
    /// debt is over where the fee has fallen so far that the balance covers it.
    pub fn run(&mut self, today: NaiveDate, market: &Market) {
        let is_uncharged = self.period.as_ref().is_some_and(|period| period.charged.is_none());
        if !self.runs(today) && (self.is_active() || self.debt || is_uncharged) {
            self.settle(today, market, false);
        }
    }

    /// Changes the tariff or the options. Errors: the code of the refusal.
    pub fn change(&mut self, now: bool, today: NaiveDate, market: &Market, change: impl Fn(&Plan) -> Plan) -> Result<(), &'static str> {
        if self.is_over {
            return Err("contract_terminated");
        }
        self.charge_due(today, market, false, false);
        let plan = if now { change(&self.plan) } else { self.plan.clone() };
        let next = change(&self.next);
        if !market.fits(&plan) || !market.fits(&next) {
            return Err("option_incompatible");
        }
        if plan != self.plan
            && let Some(running) = self.period.clone().filter(|period| period.end > today)
        {
            self.swap(running, &plan, today, market)?;
        }
        (self.plan, self.next) = (plan, next);
        self.settle(today, market, false);
        Ok(())
    }

    /// Replaces the rest of the running period by one with another plan.
    fn swap(&mut self, running: Period, plan: &Plan, today: NaiveDate, market: &Market) -> Result<(), &'static str> {
        let is_prepaid = market.tariffs[plan.tariff].is_prepaid;
        if is_prepaid && running.charged.is_none() && !self.is_active() {
            // a line on hold pays nothing in advance: the period ends with today, and none follows
            let end = (today + Days::new(1)).min(running.end);
            let charged = Some(self.charge_days(&running, end));
            self.billing_day = end.day();
            self.period = Some(Period { end, charged, is_paid: false, ..running });
            return Ok(());
        }
        let left = (running.end - today).num_days();
        // a change of options alone keeps the tariff's price of the period, its discount, and the price of each option
        let is_same_tariff = plan.tariff == running.tariff;
        let (fee, discount) =
            if is_same_tariff { (running.fee, running.discount) } else { (market.fee_on(plan.tariff, today), self.discount) };
        let fee_of = |option: &usize| running.option_fees.get(option).copied().unwrap_or(market.options[*option].fee);
        let option_fees: BTreeMap<usize, i64> = plan.options.iter().map(|option| (*option, fee_of(option))).collect();
        let whole_fee = less(fee + option_fees.values().sum::<i64>(), discount);
        let used = self.days(true, running.start, today);
        let mut unused = if market.credits_holds { self.days(false, running.start, today) } else { Vec::new() };
        unused.extend(today.iter_days().take_while(|day| *day < running.end));
        let (credit, owed) = match running.charged {
            Some(_) => (price(&running, &unused), 0),
            None => (0, share(running.whole_fee, count(&used), running.whole_days)),
        };
        let charge = if is_prepaid { share(whole_fee, left, running.whole_days) } else { 0 };
        let due = owed + charge - credit;
        if is_prepaid && due > 0 && due > self.balance + self.credit_limit {
            return Err("balance_too_low");
        }
        self.post("correction", credit, span(&unused));
        self.post("charge", -owed, span(&used));
        self.post("charge", -charge, Some((today, running.end)));
        let charged = is_prepaid.then_some(charge);
        let is_paid = is_prepaid;
        self.period =
            Some(Period { start: today, tariff: plan.tariff, fee, option_fees, discount, whole_fee, charged, is_paid, ..running });
        Ok(())
    }

    /// Credits days of a period that was charged.
    fn credit(&mut self, period: &Period, days: &[NaiveDate]) {
        self.post("correction", price(period, days), span(days));
    }

    /// Charges the days of service of a period up to the day before `end`.
    fn charge_days(&mut self, period: &Period, end: NaiveDate) -> i64 {
        let days = self.days(true, period.start, end);
        let amount = share(period.whole_fee, count(&days), period.whole_days);
        self.post("charge", -amount, span(&days));
        amount
    }

    /// Charges what is due today, begins due periods, and updates hold `debt`; `comes_back` if the contract was not active until now.
    fn settle(&mut self, today: NaiveDate, market: &Market, comes_back: bool) {
        self.charge_due(today, market, comes_back, true);
        self.watch(today);
    }

    /// Charges what is due today and begins due periods. Hold `debt` changes only if this step `decides` on it.
    fn charge_due(&mut self, today: NaiveDate, market: &Market, comes_back: bool, decides: bool) {
        if !self.is_begun || self.is_over {
            return;
        }
        // a debt is a break too
        let mut is_break = comes_back || self.debt;
        loop {
            if let Some(ended) = self.period.clone().filter(|period| period.end <= today && period.charged.is_none()) {
                let charged = Some(self.charge_days(&ended, ended.end));
                self.period = Some(Period { charged, ..ended });
            }
            if let Some(ended) = self.period.clone().filter(|period| period.end <= today && period.is_paid && market.credits_holds) {
                let days_off = self.days(false, ended.start, ended.end);
                self.credit(&ended, &days_off);
                self.period = Some(Period { is_paid: false, ..ended });
            }
            let funds = self.balance + self.credit_limit;
            if let Some(running) = self.period.as_ref().filter(|period| period.end > today) {
                if decides {
                    // a charged period is already paid for
                    self.debt = running.charged.is_none() && funds < 0;
                }
                return;
            }
            // whose break ends on the due day has lost nothing
            let is_due_day = self.next_start() == Some(today) && falls_on(today, self.billing_day);
            let from_today = is_break && !is_due_day;
            let start = self.next_start().filter(|_| !from_today).unwrap_or(today);
            let whole_fee = self.next_fee(market, start);
            // a suspended contract owes nothing for a period that does not begin, and what is free needs no balance
            let owes = match market.tariffs[self.next.tariff].is_prepaid {
                true => whole_fee > 0 && funds < whole_fee && (self.debt || self.holds.is_empty()),
                false => funds < 0,
            };
            if decides {
                self.debt = owes;
            }
            if owes || self.debt || !self.holds.is_empty() {
                return;
            }
            self.begin(start, whole_fee, from_today, market);
            is_break = false;
        }
    }

    fn begin(&mut self, start: NaiveDate, whole_fee: i64, from_today: bool, market: &Market) {
        self.plan = self.next.clone();
        if from_today || self.billing_day == 0 {
            self.billing_day = start.day();
        }
        let end = next_billing_day(start, self.billing_day);
        let is_prepaid = market.tariffs[self.plan.tariff].is_prepaid;
        self.period = Some(Period {
            start,
            end,
            whole_days: (end - start).num_days(),
            tariff: self.plan.tariff,
            fee: market.fee_on(self.plan.tariff, start),
            option_fees: self.plan.options.iter().map(|option| (*option, market.options[*option].fee)).collect(),
            discount: self.discount,
            whole_fee,
            charged: is_prepaid.then_some(whole_fee),
            is_paid: is_prepaid,
        });
        if is_prepaid {
            self.post("charge", -whole_fee, Some((start, end)));
        }
    }
}

/// The first billing day after a day.
fn next_billing_day(after: NaiveDate, billing_day: u32) -> NaiveDate {
    let mut day = after + Days::new(1);
    while !falls_on(day, billing_day) {
        day = day + Days::new(1);
    }
    day
}

/// Whether periods begin on this day: it is the billing day of its month, or the last day of a shorter month.
fn falls_on(day: NaiveDate, billing_day: u32) -> bool {
    let is_last = (day + Days::new(1)).month() != day.month();
    day.day() == billing_day || is_last && day.day() < billing_day
}

/// The share of these days in what was charged for a period.
fn price(period: &Period, days: &[NaiveDate]) -> i64 {
    share(period.charged.unwrap_or_default(), count(days), (period.end - period.start).num_days())
}

fn count(days: &[NaiveDate]) -> i64 {
    i64::try_from(days.len()).unwrap_or_default()
}

/// From the first day to the day after the last.
fn span(days: &[NaiveDate]) -> Option<(NaiveDate, NaiveDate)> {
    days.first().zip(days.last()).map(|(first, last)| (*first, *last + Days::new(1)))
}

/// An amount less a discount in hundredths of a percent.
fn less(amount: i64, discount: i64) -> i64 {
    share(amount, 10_000 - discount, 10_000)
}

/// `amount × part ÷ whole` for non-negative values, rounded half-even.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let product = amount * part;
    let (below, rest) = (product / whole, product % whole);
    match (2 * rest).cmp(&whole) {
        std::cmp::Ordering::Less => below,
        std::cmp::Ordering::Equal => below + below % 2,
        std::cmp::Ordering::Greater => below + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_go_to_the_even_side_and_billing_days_come_back() {
        assert_eq!((share(5, 1, 2), share(15, 1, 2), share(10, 1, 3), share(20, 1, 3), less(1000, 1234)), (2, 8, 3, 7, 877));
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (after, billing_day, day) in [
            ("2024-01-31", 31, "2024-02-29"),
            ("2024-02-29", 31, "2024-03-31"),
            ("2023-01-30", 30, "2023-02-28"),
            ("2023-02-28", 30, "2023-03-30"),
            ("2023-12-01", 1, "2024-01-01"),
            ("2024-03-10", 15, "2024-03-15"),
        ] {
            assert_eq!(next_billing_day(date(after), billing_day), date(day));
        }
    }
}
