//! A batch of subscribers with all their records, built before the database is changed.
//!
//! Ids in a batch count from zero; [`Batch::placed`] moves them to the reserved ids. So a batch does not depend on other data, and a
//! retried transaction starts from the same batch.

use billing::PeriodRow;
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use contracts::{Contract, ContractStatus, HoldReason, NewContract};
use customers::CustomerInput;
use kernel::{
    Actor, Id, Result,
    id::{ContractId, CustomerId, NumberId, SimId},
    money::Percent,
    text::search_text,
};
use payments::{Payment, PaymentMethod};
use sims::{NewBinding, NewNumber, NewSim, NumberStatus, SimKind, SimStatus};
use tickets::{Assignee, PastTicket};

use super::{
    complaints::{self, Subject},
    dice::{Calendar, Dice},
    history::{self, Course, Fate, Surroundings},
    homelands::homeland,
    offers::{self, Offer, round_sum},
    people::{People, full_name, luhn_digit},
};

/// The number of subscribers in a batch, which is one transaction.
pub const BATCH: u64 = 1000;
/// The number of SIM cards and numbers reserved for each batch; it needs at most two per subscriber, plus the stock.
pub const PLACES: u64 = 3 * BATCH;
/// Crockford's base 32, as in contract numbers.
const NUMBER_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The data that all batches share.
pub struct Plan {
    /// The seed; with the same day it makes the same data.
    pub seed: u64,
    /// The generator of subscribers.
    pub people: People,
    /// The calendar.
    pub calendar: Calendar,
    /// The tariffs of contracts.
    pub offers: Vec<Offer>,
    /// The assignees of tickets.
    pub staff: Vec<Assignee>,
    /// The actor of all records.
    pub actor: Actor,
    /// The number of days in quarantine for a number after termination.
    pub quarantine_days: i64,
}

/// Rows that are written together.
#[derive(Clone, Default)]
pub struct Batch {
    /// Subscribers and when they were registered.
    pub customers: Vec<(CustomerInput, DateTime<Utc>)>,
    /// Phone numbers.
    pub numbers: Vec<NewNumber>,
    /// SIM cards.
    pub sims: Vec<NewSim>,
    /// Contracts with their search texts.
    pub contracts: Vec<(Contract, String)>,
    /// Bindings.
    pub bindings: Vec<NewBinding>,
    /// Transactions.
    pub payments: Vec<Payment>,
    /// Periods.
    pub periods: Vec<PeriodRow>,
    /// Tickets.
    pub tickets: Vec<PastTicket>,
    used_places: u64,
    first_place: u64,
}

/// The first ids reserved in the database.
#[derive(Clone, Copy, Debug)]
pub struct FirstIds {
    /// For subscribers.
    pub customer: i64,
    /// For numbers.
    pub number: i64,
    /// For SIM cards.
    pub sim: i64,
    /// For contracts.
    pub contract: i64,
    /// For transactions.
    pub payment: i64,
}

fn moved<T>(id: Id<T>, by: i64) -> Id<T> {
    Id::new(id.get() + by)
}

fn next_id<T, R>(rows: &[R]) -> Id<T> {
    Id::new(i64::try_from(rows.len()).unwrap_or(i64::MAX))
}

impl Batch {
    /// Moves the ids of the batch to the reserved ones.
    #[must_use]
    pub fn placed(mut self, first: FirstIds) -> Self {
        for number in &mut self.numbers {
            number.contract_id = number.contract_id.map(|id| moved(id, first.contract));
        }
        for sim in &mut self.sims {
            sim.number = sim.number.take().map(|(id, msisdn)| (moved(id, first.number), msisdn));
            sim.contract_id = sim.contract_id.map(|id| moved(id, first.contract));
        }
        for (contract, _) in &mut self.contracts {
            contract.id = moved(contract.id, first.contract);
            contract.customer_id = moved(contract.customer_id, first.customer);
            contract.sim_id = contract.sim_id.map(|id| moved(id, first.sim));
        }
        for binding in &mut self.bindings {
            binding.sim_id = moved(binding.sim_id, first.sim);
            binding.number_id = moved(binding.number_id, first.number);
            binding.contract_id = moved(binding.contract_id, first.contract);
            binding.customer_id = moved(binding.customer_id, first.customer);
        }
        for payment in &mut self.payments {
            payment.id = moved(payment.id, first.payment);
            payment.contract_id = moved(payment.contract_id, first.contract);
            // an external payment has its own transaction id, which is as unique as the payment's
            payment.transaction_id = match payment.payment_method {
                PaymentMethod::Terminal => Some(format!("terminal-{:010}", payment.id.get())),
                PaymentMethod::BankTransfer => Some(format!("bank-{:010}", payment.id.get())),
                _ => None,
            };
        }
        for period in &mut self.periods {
            period.contract_id = moved(period.contract_id, first.contract);
            period.payment_id = period.payment_id.map(|id| moved(id, first.payment));
        }
        for ticket in &mut self.tickets {
            ticket.input.customer_id = moved(ticket.input.customer_id, first.customer);
            ticket.input.contract_id = ticket.input.contract_id.map(|id| moved(id, first.contract));
        }
        self
    }

    /// The index of a SIM card or a number, unique among all batches.
    fn next_place(&mut self) -> u64 {
        self.used_places += 1;
        debug_assert!(self.used_places <= PLACES);
        self.first_place + self.used_places - 1
    }
}

/// Who signs a contract.
#[derive(Clone, Copy)]
struct Signer<'a> {
    id: CustomerId,
    name: &'a str,
    is_firm: bool,
}

impl Plan {
    /// Builds one batch of `count` subscribers.
    pub fn batch(&self, batch_number: u64, count: u64) -> Result<Batch> {
        let mut dice = Dice::new(self.seed, batch_number + 1);
        let dice = &mut dice;
        let mut batch = Batch { first_place: batch_number * PLACES, ..Batch::default() };
        for index in batch_number * BATCH..batch_number * BATCH + count {
            self.subscriber(dice, &mut batch, index)?;
        }
        // the stock: cards without a contract, and numbers without a card
        for _ in 0..count.div_ceil(20) {
            let stocked_on = dice.day(self.calendar.ago(300), self.calendar.ago(1));
            self.free_sim(dice, &mut batch, stocked_on);
        }
        for _ in 0..count.div_ceil(50) {
            let stocked_on = dice.day(self.calendar.ago(300), self.calendar.ago(1));
            let number = self.number(&mut batch, stocked_on);
            batch.numbers.push(number);
        }
        Ok(batch)
    }

    fn subscriber(&self, dice: &mut Dice, batch: &mut Batch, index: u64) -> Result<()> {
        let id: CustomerId = next_id(&batch.customers);
        let input = self.people.subscriber(dice, index);
        let firm = input.organization_name.is_some();
        let name = full_name(&input);
        let contracts = match dice.between(1, 100) {
            1..=2 => 0,
            3..=90 => 1,
            _ => 2,
        };
        let mut registered_on =
            if contracts == 0 { dice.day(self.calendar.ago(120), self.calendar.yesterday()) } else { self.calendar.today };
        let first_contract = batch.contracts.len();
        for _ in 0..contracts {
            let signed_on = self.contract(dice, batch, index, Signer { id, name: &name, is_firm: firm })?;
            registered_on = registered_on.min(signed_on);
        }
        // before any of the contracts, which are signed from ten o'clock on
        let registered_at = self.calendar.at(registered_on, dice.between(8 * 60, 9 * 60 + 30));
        batch.customers.push((input, registered_at));
        if dice.percent(18) {
            for _ in 0..if dice.percent(10) { 2 } else { 1 } {
                let contract_id = (contracts > 0 && dice.percent(80)).then(|| ContractId::new(first_contract as i64));
                let of = Subject { customer_id: id, contract_id };
                batch.tickets.push(complaints::ticket(dice, &self.calendar, &self.staff, of, registered_on));
            }
        }
        Ok(())
    }

    /// Adds a contract with its SIM card and its past; returns when it was signed.
    fn contract(&self, dice: &mut Dice, batch: &mut Batch, index: u64, signer: Signer<'_>) -> Result<NaiveDate> {
        let offer = offers::choose(dice, &self.offers, signer.is_firm);
        let draft = dice.percent(2);
        let fate = match dice.between(1, 1000) {
            1..=30 => Fate::Ended,
            31..=90 => Fate::InDebt,
            91..=110 => Fate::Held(HoldReason::Request),
            111..=116 => Fate::Held(HoldReason::Fraud),
            _ => Fate::Served,
        };
        let signed_on = if draft { dice.day(self.calendar.ago(20), self.calendar.yesterday()) } else { self.activation_day(dice, fate) };
        let activated_at = self.calendar.at(signed_on, dice.between(11 * 60, 18 * 60));
        let drawn_up_at = activated_at - TimeDelta::minutes(dice.between(35, 55));
        let id: ContractId = next_id(&batch.contracts);
        let draft_contract = Contract::draft(NewContract {
            id,
            number: contract_number(signed_on, index * 2 + (id.get() as u64 & 1)),
            customer_id: signer.id,
            tariff_id: offer.tariff_id,
            signed_date: signed_on,
            created_at: drawn_up_at,
        });
        let mut contract = Contract { discount_percent: discount(dice), ..draft_contract };
        let stocked_on = signed_on - TimeDelta::days(dice.between(3, 90));
        let with_sim = !draft || dice.percent(60);
        let sim_id: Option<SimId> = with_sim.then(|| self.free_sim(dice, batch, stocked_on));
        contract.sim_id = sim_id;
        let sim = sim_id.and_then(|id| batch.sims.get(id.get() as usize));
        let msisdn = sim.and_then(|sim| sim.number.as_ref()).map(|(_, msisdn)| msisdn.as_str());
        let search = search_text([Some(contract.number.as_str()), Some(signer.name), msisdn, sim.map(|sim| sim.iccid.as_str())]);
        if !draft && let Some(sim_id) = sim_id {
            let around = Surroundings { calendar: self.calendar, actor: &self.actor, round_sum: round_sum(self.people.country) };
            let first_payment = i64::try_from(batch.payments.len()).unwrap_or(i64::MAX);
            let course = Course { activated_on: signed_on, activated_at, fate, first_payment };
            let past = history::live(dice, around, offer, &mut contract, course)?;
            batch.payments.extend(past.payments);
            batch.periods.extend(past.periods);
            self.bind(batch, sim_id, &contract, activated_at, past.ended_at);
        }
        batch.contracts.push((contract, search));
        Ok(signed_on)
    }

    /// Binds a free card and its number to this contract, and sets their final state.
    fn bind(&self, batch: &mut Batch, sim_id: SimId, contract: &Contract, activated_at: DateTime<Utc>, ended_at: Option<DateTime<Utc>>) {
        let Some(sim) = batch.sims.get_mut(sim_id.get() as usize) else { return };
        let Some((number_id, _)) = sim.number.clone() else { return };
        let Some(number) = batch.numbers.get_mut(number_id.get() as usize) else { return };
        sim.activated_at = Some(activated_at);
        match contract.termination_date {
            Some(over_on) => {
                sim.status = SimStatus::Closed;
                sim.number = None;
                sim.deactivated_at = ended_at;
                number.status = NumberStatus::Quarantined;
                number.quarantined_until = Some(over_on + TimeDelta::days(self.quarantine_days));
            }
            None => {
                sim.status = if contract.status == ContractStatus::Suspended { SimStatus::Suspended } else { SimStatus::Active };
                sim.contract_id = Some(contract.id);
                number.status = NumberStatus::Assigned;
                number.contract_id = Some(contract.id);
            }
        }
        batch.bindings.push(NewBinding {
            sim_id,
            number_id,
            contract_id: contract.id,
            customer_id: contract.customer_id,
            bound_at: activated_at,
            bound_why: "activation".to_owned(),
            unbound: ended_at.map(|at| (at, "Расторжение по заявлению".to_owned())),
        });
    }

    /// Adds a free SIM card with an available number.
    fn free_sim(&self, dice: &mut Dice, batch: &mut Batch, stocked_on: NaiveDate) -> SimId {
        let id = next_id(&batch.sims);
        let number_id: NumberId = next_id(&batch.numbers);
        let place = batch.first_place + batch.used_places;
        let number = self.number(batch, stocked_on);
        let homeland = homeland(self.people.country);
        let card = format!("{}{:011}", homeland.iccid_prefix, self.people.shift % 90_000 * 1_000_000 + place);
        batch.sims.push(NewSim {
            iccid: format!("{card}{}", luhn_digit(&card)),
            imsi: format!("{}{:010}", homeland.imsi_prefix, self.people.shift % 900 * 10_000_000 + place),
            puk_code: Some(format!("{:08}", dice.between(0, 99_999_999))),
            kind: if dice.percent(15) { SimKind::Esim } else { SimKind::Physical },
            status: SimStatus::Free,
            number: Some((number_id, number.msisdn.clone())),
            contract_id: None,
            activated_at: None,
            deactivated_at: None,
            created_at: number.created_at,
        });
        batch.numbers.push(number);
        id
    }

    fn number(&self, batch: &mut Batch, stocked_on: NaiveDate) -> NewNumber {
        let msisdn = self.people.phone(homeland(self.people.country).own_codes, batch.next_place());
        NewNumber::available(msisdn, self.calendar.at(stocked_on, 9 * 60))
    }

    /// A day one to six months ago, recent months more often; older contracts may have a longer history.
    fn activation_day(&self, dice: &mut Dice, fate: Fate) -> NaiveDate {
        let least = if matches!(fate, Fate::InDebt | Fate::Ended) { 70 } else { 30 };
        let mut days = dice.between(least, 180).min(dice.between(least, 180));
        // the billing run may not have happened yet on the first day of a period, so its charge would be uncertain
        while days < 190 {
            let day = self.calendar.today - TimeDelta::days(days);
            if history::spans(day, self.calendar.today).last().is_some_and(|span| span.start < self.calendar.today) {
                return day;
            }
            days += 1;
        }
        self.calendar.today - TimeDelta::days(days)
    }
}

fn discount(dice: &mut Dice) -> Percent {
    let percent = match dice.between(1, 100) {
        1..=80 => "0",
        81..=90 => "5",
        91..=97 => "10",
        _ => "15.5",
    };
    percent.parse().unwrap_or_default()
}

/// A contract number: with an odd factor, no two indexes give the same 40 bits.
fn contract_number(signed_on: NaiveDate, index: u64) -> String {
    let bits = (index + 1).wrapping_mul(0x9E_3779_B97F) & 0xFF_FFFF_FFFF;
    let letters = (0..8).rev().map(|place| char::from(NUMBER_ALPHABET[(bits >> (5 * place) & 31) as usize]));
    format!("{:04}{:02}-{}", signed_on.year(), signed_on.month(), letters.collect::<String>())
}
