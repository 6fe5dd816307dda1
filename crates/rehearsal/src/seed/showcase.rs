//! What statistics alone would not show: every state of subscribers, payments, cards, numbers and tickets, and an organization with many
//! lines. Each scene goes through the use cases, as staff would do it today.

use acl::{Granted, PermissionType};
use chrono::TimeDelta;
use database::{Tx, jobs::Office};
use kernel::{
    Context, Error, Expected, Input, Result,
    id::{ContractId, CustomerId, NumberId, OptionId, PaymentId, SimId, TariffId, TicketId},
};
use serde_json::{Value, json};
use tariffs::TariffType;

use super::{
    dice::Dice,
    homelands::homeland,
    offers::Offer,
    people::luhn_digit,
    plan::{BATCH, PLACES, Plan},
};

/// The lines of the organization.
const LINES: u64 = 25;
/// The subscribers and the cards that a scene needs at most.
pub const MOST_PEOPLE: u64 = 30;
/// The number of scenes.
pub const SCENES: u64 = 5;
/// The options: code, name, kind, amount, and price at price level one.
const OPTIONS: [Extra; 4] = [
    Extra { code: "roaming-day", name: "Роуминг: пакет", kind: "data", amount: Some("1"), fee: 150 },
    Extra { code: "more-data", name: "Ещё 10 ГБ", kind: "data", amount: Some("10"), fee: 100 },
    Extra { code: "more-minutes", name: "Ещё 200 минут", kind: "minutes", amount: Some("200"), fee: 80 },
    Extra {
        code: "static-address", name: "Постоянный адрес в интернете", kind: "service", amount: None, fee: 120
    },
];

struct Extra {
    code: &'static str,
    name: &'static str,
    kind: &'static str,
    amount: Option<&'static str>,
    fee: i64,
}

/// The scenes, after this many generated subscribers.
pub struct Showcase<'a> {
    plan: &'a Plan,
    dice: Dice,
    // the indexes of the next subscriber, and of the next card or number
    next_person: u64,
    next_place: u64,
    options: Vec<OptionId>,
}

fn granted<P: PermissionType>() -> Granted<P> {
    Granted::system("seed")
}

fn input<I: Input>(context: &Context, fields: Value) -> Result<I> {
    match fields {
        Value::Object(fields) => kernel::input::from_fields(fields, context),
        other => Err(Error::internal(format!("not an object: {other}"))),
    }
}

/// A running line.
#[derive(Clone, Copy)]
struct Line {
    customer: CustomerId,
    contract: ContractId,
    sim: SimId,
}

impl<'a> Showcase<'a> {
    /// Scenes that come after `customers` subscribers of the plan.
    pub fn after(customers: u64, plan: &'a Plan) -> Self {
        let next_place = customers.div_ceil(BATCH) * PLACES;
        Self { plan, dice: Dice::new(plan.seed, 0), next_person: customers, next_place, options: Vec::new() }
    }

    /// Plays every scene, each in a transaction of its own.
    pub async fn play(mut self, office: &Office) -> Result<()> {
        let db = office.db.patient();
        let context = office.context("seed", "seed");
        self.options = db.transaction(&context, async |tx| self.offer_options(tx).await).await?;
        // a transaction may be tried again, and must then begin with the same numbers
        db.transaction(&context, async |tx| self.scene(0).organization(tx).await).await?;
        db.transaction(&context, async |tx| self.scene(1).subscribers(tx).await).await?;
        db.transaction(&context, async |tx| self.scene(2).payments(tx).await).await?;
        db.transaction(&context, async |tx| self.scene(3).cards_and_numbers(tx).await).await?;
        db.transaction(&context, async |tx| self.scene(4).tickets(tx).await).await
    }

    /// The beginning of a scene, with subscribers and cards of its own.
    fn scene(&self, number: u64) -> Self {
        Self {
            plan: self.plan,
            dice: Dice::new(self.plan.seed, u64::MAX - number),
            next_person: self.next_person + number * MOST_PEOPLE,
            next_place: self.next_place + number * MOST_PEOPLE,
            options: self.options.clone(),
        }
    }

    async fn offer_options(&self, tx: &mut Tx) -> Result<Vec<OptionId>> {
        let context = tx.context().clone();
        let level = homeland(context.policy.country).price_level;
        let tariffs: Vec<TariffId> = self.plan.offers.iter().map(|offer| offer.tariff_id).collect();
        let mut ids = Vec::new();
        for option in &OPTIONS {
            let fields = json!({
                "code": option.code, "name": option.name, "kind": option.kind, "amount": option.amount,
                "monthly_fee": format!("{}.00", option.fee * level), "tariff_ids": tariffs
            });
            ids.push(tariffs::options::create(tx, &granted(), &input(&context, fields)?).await?.id);
        }
        Ok(ids)
    }

    /// An organization whose lines are paid for together, with options.
    async fn organization(mut self, tx: &mut Tx) -> Result<()> {
        let context = tx.context().clone();
        let index = self.person_index();
        let organization = self.plan.people.organization(&mut self.dice, index);
        let organization = input(&context, serde_json::to_value(organization).map_err(Error::internal)?)?;
        let customer = customers::create(tx, &granted(), &organization).await?.customer.id;
        let tariff = self.offer(TariffType::Postpaid);
        for line in 0..LINES {
            let sim = self.card(tx).await?;
            let options: &[OptionId] = if line % 5 == 0 { &self.options[1..3] } else { &[] };
            let draft = json!({
                "customer_id": customer, "tariff_id": tariff.tariff_id, "sim_id": sim, "options": options,
                "credit_limit": "100000.00", "discount_percent": "10"
            });
            let contract = contracts::create(tx, &granted(), &input(&context, draft)?).await?.id;
            billing::activate(tx, &granted(), contract, &input(&context, json!({}))?).await?;
        }
        Ok(())
    }

    /// Subscribers who are suspended, blocked and archived, and one who left.
    async fn subscribers(mut self, tx: &mut Tx) -> Result<()> {
        let context = tx.context().clone();
        let suspended = self.line(tx).await?;
        subscribers::suspend(tx, &granted(), suspended.customer, &input(&context, json!({"reason": "Документы на проверке"}))?).await?;
        let blocked = self.line(tx).await?;
        subscribers::block(tx, &granted(), blocked.customer, &input(&context, json!({"reason": "Мошенничество"}))?).await?;
        let archived = self.person(tx).await?;
        subscribers::archive(tx, &granted(), archived, &Expected::Any).await?;
        let left = self.line(tx).await?;
        billing::terminate(tx, &granted(), left.contract, &input(&context, json!({"reason": "Расторжение по заявлению"}))?).await?;
        let planned = self.line(tx).await?;
        let other = self.offer(TariffType::Postpaid).tariff_id;
        let change = json!({"tariff_id": other, "when": "next_period"});
        billing::change_tariff(tx, &granted(), planned.contract, &input(&context, change)?).await.map(drop)
    }

    /// A payment in every state.
    async fn payments(mut self, tx: &mut Tx) -> Result<()> {
        let context = tx.context().clone();
        let line = self.line(tx).await?;
        self.pay(tx, line.contract, "card").await?;
        let failed = self.pay(tx, line.contract, "card").await?;
        billing::fail_payment(tx, &granted(), failed, &input(&context, json!({"reason": "Недостаточно средств на карте"}))?).await?;
        let cancelled = self.pay(tx, line.contract, "card").await?;
        billing::cancel_payment(tx, &granted(), cancelled, &Expected::Any).await?;
        let processed = self.pay(tx, line.contract, "card").await?;
        billing::process_payment(tx, &granted(), processed).await?;
        for amount in [None, Some("10.00")] {
            let refunded = self.pay(tx, line.contract, "cash").await?;
            let refund = json!({"amount": amount, "reason": "Ошибочный платёж"});
            billing::refund_payment(tx, &granted(), refunded, &input(&context, refund)?).await?;
        }
        let correction = json!({"contract_id": line.contract, "amount": "50.00", "reason": "Компенсация за перерыв связи"});
        billing::correct(tx, &granted(), &input(&context, correction)?).await.map(drop)
    }

    /// A blocked and a lost card, and numbers that are reserved and ported out.
    async fn cards_and_numbers(mut self, tx: &mut Tx) -> Result<()> {
        let context = tx.context().clone();
        let blocked = self.line(tx).await?;
        billing::block_sim(tx, &granted(), blocked.sim, &input(&context, json!({"reason": "Телефон украден"}))?).await?;
        let lost = self.line(tx).await?;
        billing::deactivate_sim(tx, &granted(), lost.sim, &input(&context, json!({"reason": "lost"}))?).await?;
        for days in [1, 7, 30] {
            let number = self.number(tx).await?;
            let until = json!({"until": tx.now() + TimeDelta::days(days)});
            sims::numbers::reserve(tx, &granted(), number, &input(&context, until)?).await?;
        }
        for _ in 0..2 {
            let number = self.number(tx).await?;
            let note = json!({"note": "Перенесён к другому оператору"});
            sims::numbers::port_out(tx, &granted(), number, &input(&context, note)?).await?;
        }
        Ok(())
    }

    /// A ticket in every state.
    async fn tickets(mut self, tx: &mut Tx) -> Result<()> {
        let context = tx.context().clone();
        let line = self.line(tx).await?;
        self.ticket(tx, line, "Нет связи на даче").await?;
        let Some(worker) = self.plan.staff.first() else { return Ok(()) };
        let mut taken = Vec::new();
        for subject in ["Медленный интернет", "Ждём ответа абонента", "Не приходят сообщения", "Двойное списание", "Снова нет связи"]
        {
            let ticket = self.ticket(tx, line, subject).await?;
            tickets::assign(tx, &granted(), ticket, &input(&context, json!({"user_id": worker.id}))?).await?;
            taken.push(ticket);
        }
        let [_, waiting, resolved, closed, reopened] = taken[..] else { return Ok(()) };
        tickets::wait(tx, &granted(), waiting, &input(&context, json!({"reason": "Нужен адрес, где нет связи"}))?).await?;
        for ticket in [resolved, closed, reopened] {
            tickets::resolve(tx, &granted(), ticket, &input(&context, json!({"resolution": "Проверено, работает"}))?).await?;
        }
        for ticket in [closed, reopened] {
            tickets::close(tx, &granted(), ticket, &input(&context, json!({}))?).await?;
        }
        tickets::reopen(tx, &granted(), reopened, &input(&context, json!({"reason": "Повторилось"}))?).await.map(drop)
    }

    /// A person with an active prepaid line that has more money than it needs.
    async fn line(&mut self, tx: &mut Tx) -> Result<Line> {
        let context = tx.context().clone();
        let customer = self.person(tx).await?;
        let sim = self.card(tx).await?;
        let offer = self.offer(TariffType::Prepaid);
        let draft = json!({"customer_id": customer, "tariff_id": offer.tariff_id, "sim_id": sim, "options": [self.options[0]]});
        let contract = contracts::create(tx, &granted(), &input(&context, draft)?).await?.id;
        self.pay(tx, contract, "cash").await?;
        billing::activate(tx, &granted(), contract, &input(&context, json!({}))?).await?;
        Ok(Line { customer, contract, sim })
    }

    async fn person(&mut self, tx: &mut Tx) -> Result<CustomerId> {
        let context = tx.context().clone();
        let index = self.person_index();
        let person = self.plan.people.person(&mut self.dice, index);
        let person = input(&context, serde_json::to_value(person).map_err(Error::internal)?)?;
        Ok(customers::create(tx, &granted(), &person).await?.customer.id)
    }

    async fn card(&mut self, tx: &mut Tx) -> Result<SimId> {
        let context = tx.context().clone();
        let home = homeland(context.policy.country);
        let (shift, place) = (self.plan.people.shift, self.place());
        let card = format!("{}{:011}", home.iccid_prefix, shift % 90_000 * 1_000_000 + place);
        let fields = json!({
            "iccid": format!("{card}{}", luhn_digit(&card)), "imsi": format!("{}{:010}", home.imsi_prefix, shift % 900 * 10_000_000 + place),
            "puk_code": "12345678", "msisdn": self.plan.people.phone(home.own_codes, place)
        });
        Ok(sims::create(tx, &granted(), &input(&context, fields)?).await?.sim.id)
    }

    async fn number(&mut self, tx: &mut Tx) -> Result<NumberId> {
        let context = tx.context().clone();
        let place = self.place();
        let first = self.plan.people.phone(homeland(context.policy.country).own_codes, place);
        let made = sims::numbers::create(tx, &granted(), &input(&context, json!({"first": first, "count": 1}))?).await?;
        made.first().map(|number| number.id).ok_or_else(|| Error::internal("no number"))
    }

    async fn pay(&self, tx: &mut Tx, contract: ContractId, method: &str) -> Result<PaymentId> {
        let context = tx.context().clone();
        let amount = format!("{}.00", 2000 * homeland(context.policy.country).price_level);
        let fields = json!({"contract_id": contract, "amount": amount, "payment_method": method});
        Ok(billing::take_payment(tx, &granted(), &input(&context, fields)?).await?.id)
    }

    async fn ticket(&self, tx: &mut Tx, line: Line, subject: &str) -> Result<TicketId> {
        let context = tx.context().clone();
        let fields = json!({
            "customer_id": line.customer, "contract_id": line.contract, "category": "technical", "subject": subject,
            "description": "Подробности по телефону."
        });
        Ok(tickets::create(tx, &granted(), &input(&context, fields)?).await?.id)
    }

    fn offer(&self, tariff_type: TariffType) -> Offer {
        let costs = |offer: &&Offer| offer.tariff_type == tariff_type && offer.monthly_fee > kernel::Money::ZERO;
        *self.plan.offers.iter().find(costs).unwrap_or(&self.plan.offers[0])
    }

    fn person_index(&mut self) -> u64 {
        self.next_person += 1;
        self.next_person - 1
    }

    fn place(&mut self) -> u64 {
        self.next_place += 1;
        self.next_place - 1
    }
}
