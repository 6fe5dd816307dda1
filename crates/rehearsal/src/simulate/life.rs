//! The people of the simulation, their steps on a day, and the expected results.

use chrono::NaiveDate;
use kernel::id::{ContractId, CustomerId, PaymentId, SimId};

use super::{
    market::{Market, Plan},
    reckoning::{Hold, Reckoning},
    steps::{Made, Step},
};
use crate::seed::dice::Dice;

/// The maximum number of contracts of a subscriber.
const MOST_LINES: usize = 3;

/// A subscriber.
#[derive(Clone, Debug)]
struct Subscriber {
    id: CustomerId,
    lines: Vec<usize>,
    is_suspended: bool,
}

/// A contract and its expected state.
#[derive(Clone, Debug)]
pub struct Line {
    /// The contract.
    pub contract: ContractId,
    /// The expected state.
    pub should: Reckoning,
    sim: Option<SimId>,
    is_blocked: bool,
    /// The payments, each with its refundable rest.
    payments: Vec<(PaymentId, i64)>,
    pending: Vec<(PaymentId, i64)>,
}

/// All subscribers and contracts.
#[derive(Clone, Debug, Default)]
pub struct World {
    subscribers: Vec<Subscriber>,
    /// The contracts.
    pub lines: Vec<Line>,
    /// The number of phone numbers given to people and cards.
    numbers: u64,
}

/// A planned step with its expected result.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The step.
    pub step: Step,
    /// The expected states of the contracts, or the code of the expected refusal.
    pub should: Result<Vec<(usize, Reckoning)>, &'static str>,
    subscriber: Option<usize>,
    line: Option<usize>,
    newcomer: Option<Reckoning>,
}

impl World {
    /// The number of subscribers.
    pub fn subscribers(&self) -> usize {
        self.subscribers.len()
    }

    /// The steps of all contracts on a day, at most one each, besides those of the `newcomers`.
    pub fn day(&mut self, dice: &mut Dice, market: &Market, today: NaiveDate, newcomers: usize) -> Vec<Planned> {
        let mut planned: Vec<Planned> =
            (0..self.subscribers.len()).filter_map(|subscriber| self.anything(dice, market, today, subscriber)).collect();
        planned.extend((0..newcomers).map(|_| self.join(dice, market, today, None)));
        planned
    }

    /// Applies the nightly run to all expected states.
    pub fn run(&mut self, today: NaiveDate, market: &Market) {
        self.lines.iter_mut().for_each(|line| line.should.run(today, market));
    }

    fn anything(&mut self, dice: &mut Dice, market: &Market, today: NaiveDate, subscriber: usize) -> Option<Planned> {
        let of = self.subscribers[subscriber].clone();
        if of.is_suspended && one_in(dice, 7) {
            return Some(self.with_all_lines(subscriber, Step::ActivateCustomer { customer: of.id }, |should| {
                should.release_with_subscriber(today, market);
                Ok(())
            }));
        }
        let at = *dice.pick(&of.lines);
        let line = self.lines[at].clone();
        let number = self.number();
        let doing = Doing { world: self, at, line: &line, market, today, number };
        if line.should.is_over {
            return doing.after_the_end(dice);
        }
        let step = doing.about_holds(dice).or_else(|| doing.about_debt(dice)).or_else(|| doing.about_pending(dice));
        if step.is_some() {
            return step;
        }
        let roll = dice.between(1, 10_000);
        match roll {
            1..=15 if !of.is_suspended => Some(self.with_all_lines(subscriber, Step::SuspendCustomer { customer: of.id }, |should| {
                should.hold(Hold::Customer, today, market)
            })),
            16..=30 if !of.is_suspended && of.lines.len() < MOST_LINES => Some(self.join(dice, market, today, Some(subscriber))),
            _ => doing.by_chance(dice, roll),
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A contract for a subscriber, or for a new person.
    fn join(&mut self, dice: &mut Dice, market: &Market, today: NaiveDate, subscriber: Option<usize>) -> Planned {
        let mut plan = Plan { tariff: index(dice, market.tariffs.len()), ..Plan::default() };
        for option in 0..market.options.len() {
            let goes = market.options[option].tariffs.contains(&plan.tariff);
            if goes && one_in(dice, 4) {
                plan.options.insert(option);
            }
        }
        let mut should = Reckoning::draft(&plan);
        should.credit_limit = if one_in(dice, 3) { dice.between(0, 100_000) } else { 0 };
        should.discount = if one_in(dice, 3) { dice.between(0, 10_000) } else { 0 };
        let fee = should.next_fee(market, today);
        // most people pay for the first month, some too little or nothing
        let paid = *dice.pick(&[fee, fee, fee + 10_000, fee / 2, 0]);
        let step = Step::Join {
            number: self.number(),
            customer: subscriber.map(|at| self.subscribers[at].id),
            tariff: market.tariffs[plan.tariff].id,
            options: plan.options.iter().map(|option| market.options[*option].id).collect(),
            limit: should.credit_limit,
            discount: should.discount,
            paid,
        };
        if paid > 0 {
            should.move_money("payment", paid, today, market);
        }
        should.activate(today, market);
        Planned { step, should: Ok(Vec::new()), subscriber, line: None, newcomer: Some(should) }
    }

    fn with_all_lines(&self, subscriber: usize, step: Step, change: impl Fn(&mut Reckoning) -> Result<(), &'static str>) -> Planned {
        let living = self.subscribers[subscriber].lines.iter().filter(|line| !self.lines[**line].should.is_over);
        let should = living.map(|line| {
            let mut should = self.lines[*line].should.clone();
            change(&mut should).map(|()| (*line, should))
        });
        Planned { step, should: should.collect(), subscriber: Some(subscriber), line: None, newcomer: None }
    }

    /// Saves the results of a successful step.
    pub fn note(&mut self, planned: Planned, made: Made) {
        for (line, should) in planned.should.into_iter().flatten() {
            self.lines[line].should = should;
        }
        match (planned.step, made, planned.line) {
            (Step::Join { paid, .. }, Made::Line { customer, contract, sim, payment }, _) => {
                let at = self.lines.len();
                let payments = payment.map(|payment| (payment, paid)).into_iter().collect();
                let should = planned.newcomer.unwrap_or_default();
                self.lines.push(Line { contract, should, sim: Some(sim), is_blocked: false, payments, pending: Vec::new() });
                match planned.subscriber {
                    Some(subscriber) => self.subscribers[subscriber].lines.push(at),
                    None => self.subscribers.push(Subscriber { id: customer, lines: vec![at], is_suspended: false }),
                }
            }
            (Step::SuspendCustomer { .. }, ..) => self.suspend(planned.subscriber, true),
            (Step::ActivateCustomer { .. }, ..) => self.suspend(planned.subscriber, false),
            (step, made, Some(line)) => self.lines[line].note(&step, made),
            _ => {}
        }
    }

    fn suspend(&mut self, subscriber: Option<usize>, is_suspended: bool) {
        if let Some(subscriber) = subscriber {
            self.subscribers[subscriber].is_suspended = is_suspended;
        }
    }
}

impl Line {
    fn note(&mut self, step: &Step, made: Made) {
        match (step, made) {
            (Step::Pay { amount, .. }, Made::Payment(payment)) => self.payments.push((payment, *amount)),
            (Step::Promise { amount, .. }, Made::Payment(payment)) => self.pending.push((payment, *amount)),
            (Step::Process { .. }, _) => self.payments.extend(self.pending.pop()),
            (Step::Fail { .. } | Step::Cancel { .. }, _) => drop(self.pending.pop()),
            (Step::Refund { payment, amount }, _) => {
                for (_, left) in self.payments.iter_mut().filter(|(id, _)| id == payment) {
                    *left -= amount.unwrap_or(*left);
                }
            }
            (Step::BlockSim { .. }, _) => self.is_blocked = true,
            (Step::UnblockSim { .. }, _) => self.is_blocked = false,
            (Step::LoseSim { .. }, _) => (self.sim, self.is_blocked) = (None, false),
            (Step::ReplaceSim { .. }, Made::Sim(sim)) => (self.sim, self.is_blocked) = (Some(sim), false),
            (Step::Terminate { .. }, _) => (self.sim, self.is_blocked) = (None, false),
            _ => {}
        }
    }
}

/// The possible steps of one contract today.
struct Doing<'a> {
    world: &'a World,
    at: usize,
    line: &'a Line,
    market: &'a Market,
    today: NaiveDate,
    /// The number for a new card.
    number: u64,
}

impl Doing<'_> {
    fn plan(&self, step: Step, change: impl FnOnce(&mut Reckoning) -> Result<(), &'static str>) -> Planned {
        let mut should = self.world.lines[self.at].should.clone();
        let should = change(&mut should).map(|()| vec![(self.at, should)]);
        Planned { step, should, subscriber: None, line: Some(self.at), newcomer: None }
    }

    fn pay(&self, amount: i64) -> Planned {
        let step = Step::Pay { contract: self.line.contract, amount };
        self.plan(step, |should| should.pay(amount, self.today, self.market))
    }

    /// After termination, debts are paid, remaining money is refunded, and some people pay by mistake.
    fn after_the_end(&self, dice: &mut Dice) -> Option<Planned> {
        let balance = self.line.should.balance;
        if one_in(dice, 500) {
            return Some(self.pay(balance.abs() + 100));
        }
        if balance == 0 || !one_in(dice, 20) {
            return None;
        }
        if balance < 0 {
            return Some(self.pay(-balance));
        }
        let (payment, left) = *self.line.payments.iter().find(|(_, left)| *left > 0)?;
        Some(self.refund(payment, left.min(balance), left))
    }

    fn refund(&self, payment: PaymentId, amount: i64, left: i64) -> Planned {
        let asked = (amount != left).then_some(amount);
        self.plan(Step::Refund { payment, amount: asked }, |should| {
            if amount > left {
                return Err("refund_too_large");
            }
            should.move_money("refund", -amount, self.today, self.market);
            Ok(())
        })
    }

    fn about_holds(&self, dice: &mut Dice) -> Option<Planned> {
        let (should, contract) = (&self.line.should, self.line.contract);
        for (hold, fraud) in [(Hold::Request, false), (Hold::Fraud, true)] {
            if should.holds.contains(&hold) && one_in(dice, 10) {
                return Some(self.plan(Step::Resume { contract, fraud }, |should| should.release(hold, self.today, self.market)));
            }
        }
        if !should.holds.contains(&Hold::NoSim) {
            return None;
        }
        match self.line.sim {
            Some(sim) if self.line.is_blocked && one_in(dice, 6) => {
                Some(self.plan(Step::UnblockSim { sim }, |should| should.release(Hold::NoSim, self.today, self.market)))
            }
            Some(sim) if one_in(dice, 20) => Some(self.plan(Step::LoseSim { sim }, |should| {
                should.lose_blocked_card(self.today, self.market);
                Ok(())
            })),
            None if one_in(dice, 5) => {
                let step = Step::ReplaceSim { contract, number: self.number };
                Some(self.plan(step, |should| should.release(Hold::NoSim, self.today, self.market)))
            }
            _ => None,
        }
    }

    /// Pays for the next period: in time, late, or too little.
    fn about_debt(&self, dice: &mut Dice) -> Option<Planned> {
        let should = &self.line.should;
        let is_prepaid = self.market.tariffs[should.next.tariff].is_prepaid;
        let wanted = if is_prepaid { should.next_fee(self.market, self.today) } else { 0 };
        let missing = wanted - should.balance - should.credit_limit;
        let is_soon = should.next_start().is_some_and(|day| (day - self.today).num_days() <= 3);
        let is_due = should.debt && one_in(dice, 8) || is_prepaid && is_soon && missing > 0 && one_in(dice, 5);
        if is_due && missing > 0 {
            let amount = *dice.pick(&[missing, missing, missing + 5_000, (missing + 99_999) / 100_000 * 100_000, missing / 2 + 1]);
            return Some(self.pay(amount));
        }
        (!is_prepaid && should.balance < 0 && one_in(dice, 25)).then(|| self.pay(-should.balance))
    }

    fn about_pending(&self, dice: &mut Dice) -> Option<Planned> {
        let (payment, amount) = *self.line.pending.last().filter(|_| one_in(dice, 2))?;
        Some(match dice.between(1, 100) {
            1..=70 => self.plan(Step::Process { payment }, |should| should.pay(amount, self.today, self.market)),
            71..=85 => self.plan(Step::Fail { payment }, |_| Ok(())),
            _ => self.plan(Step::Cancel { payment }, |_| Ok(())),
        })
    }

    fn by_chance(&self, dice: &mut Dice, roll: i64) -> Option<Planned> {
        let (should, contract, today, market) = (&self.line.should, self.line.contract, self.today, self.market);
        let planned = match roll {
            31..=80 => self.change_card(dice)?,
            81..=140 => self.change_tariff(dice)?,
            141..=240 => self.change_options(dice)?,
            241..=270 => {
                let fraud = one_in(dice, 3);
                let hold = if fraud { Hold::Fraud } else { Hold::Request };
                self.plan(Step::Suspend { contract, fraud }, |should| should.hold(hold, today, market))
            }
            // nearly always refused
            271..=274 => self.plan(Step::Resume { contract, fraud: true }, |should| should.release(Hold::Fraud, today, market)),
            281..=310 => {
                let (payment, left) = *self.line.payments.last().filter(|(_, left)| *left > 0)?;
                let amount = *dice.pick(&[left, (left + 1) / 2, left + 1]);
                self.refund(payment, amount, left)
            }
            311..=340 => {
                let amount = dice.between(1, 30_000) * if one_in(dice, 2) { 1 } else { -1 };
                self.plan(Step::Correct { contract, amount }, |should| {
                    should.move_money("correction", amount, today, market);
                    Ok(())
                })
            }
            341..=370 => {
                let limit = *dice.pick(&[should.credit_limit, 0, 50_000]);
                let discount = if one_in(dice, 2) { dice.between(0, 10_000) } else { 0 };
                self.plan(Step::SetTerms { contract, limit, discount }, |should| {
                    should.set_terms(limit, discount, today, market);
                    Ok(())
                })
            }
            371..=377 => {
                let refund_unused = one_in(dice, 2);
                self.plan(Step::Terminate { contract, refund_unused }, |should| should.terminate(refund_unused, today, market))
            }
            381..=450 => self.pay(dice.between(1, 90_000)),
            451..=490 => self.plan(Step::Promise { contract, amount: dice.between(1, 90_000) }, |_| Ok(())),
            _ => return None,
        };
        Some(planned)
    }

    fn change_card(&self, dice: &mut Dice) -> Option<Planned> {
        let sim = self.line.sim.filter(|_| !self.line.should.holds.contains(&Hold::NoSim))?;
        let step = match dice.between(1, 3) {
            1 => Step::LoseSim { sim },
            2 => Step::BlockSim { sim },
            // a working card is replaced without a break
            _ => return Some(self.plan(Step::ReplaceSim { contract: self.line.contract, number: self.number }, |_| Ok(()))),
        };
        Some(self.plan(step, |should| should.hold(Hold::NoSim, self.today, self.market)))
    }

    fn change_tariff(&self, dice: &mut Dice) -> Option<Planned> {
        let (should, now) = (&self.line.should, one_in(dice, 2));
        let tariff = index(dice, self.market.tariffs.len());
        if tariff == should.plan.tariff || !now && tariff == should.next.tariff {
            return None;
        }
        let step = Step::ChangeTariff { contract: self.line.contract, tariff: self.market.tariffs[tariff].id, now };
        let change = |plan: &Plan| Plan { tariff, options: plan.options.clone() };
        Some(self.plan(step, |should| should.change(now, self.today, self.market, change)))
    }

    fn change_options(&self, dice: &mut Dice) -> Option<Planned> {
        let (should, contract, now) = (&self.line.should, self.line.contract, one_in(dice, 2));
        let option = index(dice, self.market.options.len());
        let id = self.market.options[option].id;
        let has = (should.plan.options.contains(&option), should.next.options.contains(&option));
        match has {
            (false, false) => {
                let change = |plan: &Plan| {
                    let mut plan = plan.clone();
                    plan.options.insert(option);
                    plan
                };
                Some(
                    self.plan(Step::TakeOption { contract, option: id, now }, |should| should.change(now, self.today, self.market, change)),
                )
            }
            (true, true) => {
                let change = |plan: &Plan| {
                    let mut plan = plan.clone();
                    plan.options.remove(&option);
                    plan
                };
                Some(
                    self.plan(Step::LeaveOption { contract, option: id, now }, |should| {
                        should.change(now, self.today, self.market, change)
                    }),
                )
            }
            // the change is already planned for the next period
            _ => None,
        }
    }
}

/// Returns true with a probability of one in `times`.
pub fn one_in(dice: &mut Dice, times: i64) -> bool {
    dice.between(1, times) == 1
}

fn index(dice: &mut Dice, length: usize) -> usize {
    let last = i64::try_from(length).unwrap_or(i64::MAX) - 1;
    usize::try_from(dice.between(0, last)).unwrap_or_default()
}
