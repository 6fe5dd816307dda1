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
    /// The price of a whole period.
    whole_fee: i64,
    charged: Option<i64>,
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
    period: Option<Period>,
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
            self.rows.push(Row { kind, effect, span });
        }
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

    /// Places a hold, after charging the periods that have begun.
    pub fn hold(&mut self, hold: Hold, today: NaiveDate, market: &Market) -> Result<(), &'static str> {
        if !self.is_begun || self.is_over {
            return Err("contract_not_running");
        }
        if self.holds.contains(&hold) {
            return Err("hold_present");
        }
        self.catch_up(today, market);
        self.holds.insert(hold);
        Ok(())
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

    /// Lifts the subscriber's hold; contracts that stay suspended for another reason do not change.
    pub fn release_with_subscriber(&mut self, today: NaiveDate, market: &Market) {
        self.holds.remove(&Hold::Customer);
        if self.is_active() && !self.runs(today) {
            self.settle(today, market, true);
        }
    }

    /// Changes the credit limit.
    pub fn limit(&mut self, credit_limit: i64, today: NaiveDate, market: &Market) {
        if credit_limit != self.credit_limit {
            self.credit_limit = credit_limit;
            self.settle(today, market, false);
        }
    }

    /// Terminates the contract: unpaid days of service are charged, including the last day.
    pub fn terminate(&mut self, today: NaiveDate, market: &Market) -> Result<(), &'static str> {
        if self.is_over {
            return Err("contract_terminated");
        }
        self.catch_up(today, market);
        if let Some(period) = self.period.clone().filter(|period| period.charged.is_none()) {
            if period.end <= today {
                self.settle(today, market, false);
            } else {
                let used = ((today - period.start).num_days() + 1).min((period.end - period.start).num_days());
                self.post("charge", -share(period.whole_fee, used, period.whole_days), Some((period.start, period.end)));
            }
        }
        self.is_over = true;
        self.debt = false;
        self.holds.clear();
        self.next = self.plan.clone();
        Ok(())
    }

    /// Runs the nightly billing: on an active contract the next period begins; on a suspended one an ended period is still charged.
    pub fn run(&mut self, today: NaiveDate, market: &Market) {
        let ended = self.period.as_ref().filter(|period| period.end <= today);
        if ended.is_some_and(|period| period.charged.is_none() || self.is_active()) {
            self.settle(today, market, false);
        }
    }

    /// Charges a period that began on an active contract before it becomes inactive, even if the nightly run has not happened.
    fn catch_up(&mut self, today: NaiveDate, market: &Market) {
        if self.is_active() && !self.runs(today) {
            self.settle(today, market, false);
        }
    }

    /// Changes the tariff or the options. Errors: the code of the refusal.
    pub fn change(&mut self, now: bool, today: NaiveDate, market: &Market, change: impl Fn(&Plan) -> Plan) -> Result<(), &'static str> {
        if self.is_over {
            return Err("contract_terminated");
        }
        self.settle(today, market, false);
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
        let length = (running.end - running.start).num_days();
        let used = (today - running.start).num_days();
        let left = length - used;
        // a change of options alone keeps the tariff's price of the period, and the price of each option
        let fee = if plan.tariff == running.tariff { running.fee } else { market.fee_on(plan.tariff, today) };
        let price = |option: &usize| running.option_fees.get(option).copied().unwrap_or(market.options[*option].fee);
        let option_fees: BTreeMap<usize, i64> = plan.options.iter().map(|option| (*option, price(option))).collect();
        let whole_fee = less(fee + option_fees.values().sum::<i64>(), self.discount);
        let is_prepaid = market.tariffs[plan.tariff].is_prepaid;
        let (credit, owed) = match running.charged {
            Some(charged) => (share(charged, left, length), 0),
            None => (0, share(running.whole_fee, used, running.whole_days)),
        };
        let charge = if is_prepaid { share(whole_fee, left, running.whole_days) } else { 0 };
        let due = owed + charge - credit;
        if is_prepaid && due > 0 && due > self.balance + self.credit_limit {
            return Err("balance_too_low");
        }
        self.post("correction", credit, Some((today, running.end)));
        if used > 0 {
            self.post("charge", -owed, Some((running.start, running.end)));
        }
        self.post("charge", -charge, Some((today, running.end)));
        let charged = is_prepaid.then_some(charge);
        self.period = Some(Period { start: today, tariff: plan.tariff, fee, option_fees, whole_fee, charged, ..running });
        Ok(())
    }

    /// Charges what is due today, begins due periods, and updates hold `debt`; `comes_back` if the contract was not active until now.
    fn settle(&mut self, today: NaiveDate, market: &Market, comes_back: bool) {
        if !self.is_begun || self.is_over {
            return;
        }
        // a debt is a break too
        let mut from_today = comes_back || self.debt;
        loop {
            if let Some(ended) = self.period.clone().filter(|period| period.end <= today && period.charged.is_none()) {
                let amount = share(ended.whole_fee, (ended.end - ended.start).num_days(), ended.whole_days);
                self.post("charge", -amount, Some((ended.start, ended.end)));
                self.period = Some(Period { charged: Some(amount), ..ended });
            }
            let funds = self.balance + self.credit_limit;
            if let Some(running) = self.period.as_ref().filter(|period| period.end > today) {
                // a charged period is already paid for
                self.debt = running.charged.is_none() && funds < 0;
                return;
            }
            let start = self.next_start().filter(|_| !from_today).unwrap_or(today);
            let whole_fee = self.next_fee(market, start);
            let is_prepaid = market.tariffs[self.next.tariff].is_prepaid;
            // a suspended contract owes nothing for a period that does not begin
            self.debt = if is_prepaid { funds < whole_fee && (self.debt || self.holds.is_empty()) } else { funds < 0 };
            if self.debt || !self.holds.is_empty() {
                return;
            }
            self.begin(start, whole_fee, from_today, market);
            from_today = false;
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
            whole_fee,
            charged: is_prepaid.then_some(whole_fee),
        });
        if is_prepaid {
            self.post("charge", -whole_fee, Some((start, end)));
        }
    }
}

/// The first billing day after a day: that day of a month, or the last day of a shorter month.
fn next_billing_day(after: NaiveDate, billing_day: u32) -> NaiveDate {
    let mut day = after + Days::new(1);
    loop {
        let tomorrow = day + Days::new(1);
        let is_last = tomorrow.month() != day.month();
        if day.day() == billing_day || (is_last && day.day() < billing_day) {
            return day;
        }
        day = tomorrow;
    }
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
