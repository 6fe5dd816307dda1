//! `telecom-crm simulate`: months of an operator's business in seconds, through the use cases that the API calls, with an independent
//! calculation that knows the rules but not the code.
//!
//! Days pass on a simulated clock. Each morning, and on some days after people have already acted, the billing runs; from time to time it
//! is down for days. People register, pay, forget to pay, change and lose things, and leave. Every step must succeed or be refused as
//! planned; at the end every ledger must match the calculation, and every invariant must hold.

mod life;
mod market;
mod reckoning;
mod statement;
mod steps;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    str::FromStr,
    sync::Arc,
    time::Instant,
};

use acl::Granted;
use billing::{
    RunInput, RunState,
    run::{self, Worker},
};
use chrono::{Days, Months, NaiveDate};
use clap::{Args, value_parser};
use database::{DatabaseUrl, Db};
use kernel::{Actor, Context, Edit, Error, Expected, Origin, Policy, Result, error::common};
use serde_json::json;
use tempfile::TempDir;

use self::{
    life::{Planned, World, one_in},
    market::{Extra, Market, Tariff},
    statement::Found,
    steps::{Made, granted, input, money, object},
};
use crate::{
    progress::{Progress, print},
    seed::{
        ANYTHING_THERE,
        dice::{Calendar, Dice},
    },
};

/// The first day: in a leap year, so that February has a 29th in the second month.
const FIRST_DAY: (i32, u32, u32) = (2024, 1, 1);
/// The number of days in which the first subscribers come.
const OPENING: u64 = 31;
/// The number of steps in one transaction.
const AT_ONCE: usize = 50;
/// The usual time of the billing run, in minutes of the day.
const USUAL_RUN: i64 = 120;
const EARLY_RUN: i64 = 30;
/// An in-memory folder, if the system has one, because a temporary database need not reach a disk.
const IN_MEMORY: &str = "/dev/shm";

/// Simulate months of an operator's business and check every amount.
#[derive(Args)]
pub struct Simulate {
    /// The number of subscribers in the first month; more come later.
    #[arg(long, default_value_t = 200, value_parser = value_parser!(u32).range(1..=100_000))]
    customers: u32,
    /// The number of months.
    #[arg(long, default_value_t = 24, value_parser = value_parser!(u32).range(1..=600))]
    months: u32,
    /// The seed; the same seed gives the same simulation on either engine.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The URL of an empty database to use and keep; by default a temporary one.
    #[arg(long, value_parser = database_url)]
    database_url: Option<DatabaseUrl>,
}

fn database_url(url: &str) -> std::result::Result<DatabaseUrl, &'static str> {
    DatabaseUrl::from_str(url).map_err(|()| "sqlite://path or postgres://… is expected")
}

impl Simulate {
    /// Runs the simulation in an empty database; returns whether everything is correct.
    pub async fn run(self, db: &Db, policy: &Arc<Policy>, verify: impl AsyncFn(&Db, &Arc<Context>) -> Result<Invariants>) -> Result<bool> {
        let began = Instant::now();
        let size = Size { customers: self.customers, months: self.months, seed: self.seed };
        let outcome = simulate(db, policy, size, verify).await?;
        print(outcome.text.trim_end())?;
        eprintln!("in {}.{} s", began.elapsed().as_secs(), began.elapsed().subsec_millis() / 100);
        Ok(outcome.is_sound)
    }

    /// The database to use, with its temporary folder, if any.
    pub fn place(&self) -> Result<(DatabaseUrl, Option<TempDir>)> {
        if let Some(url) = &self.database_url {
            return Ok((url.clone(), None));
        }
        let folder = if Path::new(IN_MEMORY).is_dir() { TempDir::new_in(IN_MEMORY) } else { TempDir::new() };
        let folder = folder.map_err(Error::internal)?;
        Ok((DatabaseUrl::Sqlite(folder.path().join("crm.db")), Some(folder)))
    }
}

/// Every invariant with its violations.
pub type Invariants = Vec<(&'static str, Vec<String>)>;

/// The size of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// The number of subscribers in the first month.
    pub customers: u32,
    /// The number of months.
    pub months: u32,
    /// The seed of the random generator.
    pub seed: u64,
}

/// The outcome of a simulation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The statement, with everything that is wrong.
    pub text: String,
    /// Whether everything is correct.
    pub is_sound: bool,
    /// The number of successful steps, by name.
    pub steps: BTreeMap<&'static str, usize>,
    /// The number of refusals, by code.
    pub refusals: BTreeMap<&'static str, usize>,
}

/// Runs the simulation in an empty database. Errors: `database_not_empty`, and unexpected ones.
pub async fn simulate(
    db: &Db,
    policy: &Arc<Policy>,
    size: Size,
    verify: impl AsyncFn(&Db, &Arc<Context>) -> Result<Invariants>,
) -> Result<Outcome> {
    let (year, month, day) = FIRST_DAY;
    let first = NaiveDate::from_ymd_opt(year, month, day).ok_or_else(|| Error::internal("no first day"))?;
    let context = context(policy, first, 0);
    if db.read(&context, async |conn| ANYTHING_THERE.clone().scalar::<i64>(conn).await).await? > 0 {
        return Err(common::DATABASE_NOT_EMPTY.into());
    }
    let last = first + Months::new(size.months) - Days::new(1);
    let mut simulation = Simulation {
        db: db.clone(),
        policy: policy.clone(),
        size,
        dice: Dice::new(size.seed, 0),
        market: Market::default(),
        world: World::default(),
        first,
        down_until: first,
        steps: BTreeMap::new(),
        refusals: BTreeMap::new(),
        surprises: Vec::new(),
    };
    simulation.open_shop().await?;
    let mut progress = Progress::new(u64::from(size.months), "months");
    let mut today = first;
    while today <= last && simulation.surprises.is_empty() {
        simulation.live(today, today == last).await?;
        today = today + Days::new(1);
        progress.reach((0..=size.months).rev().find(|months| first + Months::new(*months) <= today).unwrap_or_default().into());
    }
    progress.finish();
    simulation.conclude(last, verify).await
}

struct Simulation {
    db: Db,
    policy: Arc<Policy>,
    size: Size,
    dice: Dice,
    market: Market,
    world: World,
    first: NaiveDate,
    /// The first day on which billing runs again.
    down_until: NaiveDate,
    steps: BTreeMap<&'static str, usize>,
    refusals: BTreeMap<&'static str, usize>,
    /// Steps with a different outcome from the planned one.
    surprises: Vec<String>,
}

/// Name, whether prepaid, fee in minor units.
const TARIFFS: [(&str, bool, i64); 7] = [
    ("Без платы", true, 0),
    ("Старт", true, 20_050),
    ("Смарт", true, 44_999),
    ("Безлимит", true, 85_000),
    ("Премиум", true, 190_001),
    ("Бизнес", false, 33_333),
    ("Бизнес Плюс", false, 120_005),
];
/// Code, fee in minor units, and number of compatible tariffs.
const OPTIONS: [(&str, i64, usize); 4] = [("ROAM", 15_001, 7), ("MUSIC", 4_999, 7), ("FREE", 0, 7), ("KIDS", 3_005, 4)];

/// The context of a minute of a day.
fn context(policy: &Arc<Policy>, today: NaiveDate, minute: i64) -> Arc<Context> {
    let calendar = Calendar { today, time_zone: policy.time_zone };
    let origin = Origin { request_id: "simulate".into(), ..Origin::default() };
    Arc::new(Context { now: calendar.at(today, minute), policy: policy.clone(), origin, actor: Actor::system("simulate") })
}

impl Simulation {
    fn context(&self, today: NaiveDate, minute: i64) -> Arc<Context> {
        context(&self.policy, today, minute)
    }

    /// Creates the tariffs and options.
    async fn open_shop(&mut self) -> Result<()> {
        let context = self.context(self.first, 0);
        let first = self.first;
        let work = async |tx: &mut database::Tx| {
            let mut market = Market { credits_holds: context.policy.credits_holds, ..Market::default() };
            for (name, is_prepaid, fee) in TARIFFS {
                let tariff_type = if is_prepaid { "prepaid" } else { "postpaid" };
                let fields = json!({"name": name, "tariff_type": tariff_type, "monthly_fee": money(fee)?});
                let id = tariffs::create(tx, &granted(), &input(&context, fields)?).await?.id;
                market.tariffs.push(Tariff { id, is_prepaid, fees: BTreeMap::from([(first, fee)]) });
            }
            for (code, fee, goes_with) in OPTIONS {
                let tariffs: Vec<_> = market.tariffs[..goes_with].iter().map(|tariff| tariff.id).collect();
                let fields = json!({"code": code, "name": code, "kind": "service", "monthly_fee": money(fee)?, "tariff_ids": tariffs});
                let id = tariffs::options::create(tx, &granted(), &input(&context, fields)?).await?.id;
                market.options.push(Extra { id, fee, tariffs: BTreeSet::from_iter(0..goes_with) });
            }
            Ok(market)
        };
        self.market = self.db.transaction(&context, work).await?;
        Ok(())
    }

    /// Simulates one day.
    async fn live(&mut self, today: NaiveDate, is_last: bool) -> Result<()> {
        if today >= self.down_until && one_in(&mut self.dice, 90) {
            let days = if one_in(&mut self.dice, 8) { self.dice.between(10, 70) } else { self.dice.between(1, 4) };
            self.down_until = today + Days::new(u64::try_from(days).unwrap_or_default());
        }
        let is_up = is_last || today >= self.down_until;
        let run_at = if one_in(&mut self.dice, 4) { EARLY_RUN } else { USUAL_RUN };
        // on some days people act before the billing run
        let early_birds = one_in(&mut self.dice, 4);
        if early_birds {
            self.act(today, 10).await?;
        }
        if is_up {
            self.bill(today, run_at).await?;
        }
        if !early_birds {
            self.act(today, 12 * 60).await?;
        }
        Ok(())
    }

    /// Runs the nightly billing.
    async fn bill(&mut self, today: NaiveDate, minute: i64) -> Result<()> {
        let context = self.context(today, minute).acting_as(Actor::system(run::ACTOR));
        let input = RunInput { date: None, dry_run: false };
        let mut run = self.db.transaction(&context, async |tx| run::start(tx, &Granted::system(run::ACTOR), &input).await).await?;
        let mut worker = Worker::new(run.id, 0);
        while run.state == RunState::Running {
            run = worker.batch(&self.db, &context).await?;
        }
        if run.state != RunState::Finished || run.failed_count > 0 {
            self.surprises.push(format!("{today}: billing run {}, {} contracts could not be charged", run.state, run.failed_count));
        }
        self.world.run(today, &self.market);
        Ok(())
    }

    /// Changes prices and performs the steps of the subscribers.
    async fn act(&mut self, today: NaiveDate, minute: i64) -> Result<()> {
        let context = self.context(today, minute);
        self.change_prices(&context, today).await?;
        let newcomers = self.newcomers(today);
        let planned = self.world.day(&mut self.dice, &self.market, today, newcomers);
        let (come_off, refused): (Vec<Planned>, Vec<Planned>) = planned.into_iter().partition(|planned| planned.should.is_ok());
        for part in come_off.chunks(AT_ONCE) {
            self.take(&context, part).await?;
        }
        for planned in refused {
            self.refuse(&context, planned).await;
        }
        Ok(())
    }

    fn newcomers(&mut self, today: NaiveDate) -> usize {
        let customers = u64::from(self.size.customers);
        let day = u64::try_from((today - self.first).num_days()).unwrap_or_default() + 1;
        if day <= OPENING {
            let so_far = customers * day / OPENING;
            return usize::try_from(so_far).unwrap_or_default().saturating_sub(self.world.subscribers());
        }
        // doubles the number of subscribers in ten years
        let chance = i64::from(self.size.customers);
        let (whole, rest) = (chance / 3650, chance % 3650);
        usize::try_from(whole).unwrap_or_default() + usize::from(self.dice.between(1, 3650) <= rest)
    }

    /// Performs steps that must succeed in one transaction; if one fails, performs each in its own transaction to find it.
    async fn take(&mut self, context: &Arc<Context>, planned: &[Planned]) -> Result<()> {
        let all = async |tx: &mut database::Tx| {
            let mut made = Vec::with_capacity(planned.len());
            for planned in planned {
                made.push(planned.step.perform(tx).await?);
            }
            Ok(made)
        };
        if let Ok(made) = self.db.transaction(context, all).await {
            planned.iter().zip(made).for_each(|(planned, made)| self.note(planned, made));
            return Ok(());
        }
        for planned in planned {
            match self.db.transaction(context, async |tx| planned.step.perform(tx).await).await {
                Ok(made) => self.note(planned, made),
                Err(error) => self.surprises.push(format!("{}: {:?} was refused by {}", context.today(), planned.step, error.code().name)),
            }
        }
        Ok(())
    }

    fn note(&mut self, planned: &Planned, made: Made) {
        *self.steps.entry(planned.step.name()).or_default() += 1;
        self.world.note(planned.clone(), made);
    }

    /// Performs a step that must be refused.
    async fn refuse(&mut self, context: &Arc<Context>, planned: Planned) {
        let code = planned.should.as_ref().err().copied().unwrap_or_default();
        let outcome = self.db.transaction(context, async |tx| planned.step.perform(tx).await).await;
        match outcome {
            Err(error) if error.code().name == code => *self.refusals.entry(code).or_default() += 1,
            Err(error) => {
                let met = error.code().name;
                self.surprises.push(format!("{}: {:?} was refused by {met} and not by {code}", context.today(), planned.step));
            }
            Ok(_) => self.surprises.push(format!("{}: {:?} came off and was to be refused by {code}", context.today(), planned.step)),
        }
    }

    /// Changes from time to time the price of a tariff from some day on, or the present price of an option.
    async fn change_prices(&mut self, context: &Arc<Context>, today: NaiveDate) -> Result<()> {
        if one_in(&mut self.dice, 40) {
            let at = usize::try_from(self.dice.between(0, 6)).unwrap_or_default();
            let from = today + Days::new(u64::try_from(self.dice.between(0, 40)).unwrap_or_default());
            let fee = self.dice.between(0, 150_000);
            let tariff = &mut self.market.tariffs[at];
            // a price by which periods have already begun cannot be replaced
            if !tariff.fees.contains_key(&from) {
                let edit = Edit::merge(object(json!({"monthly_fee": money(fee)?, "effective_from": from}))?);
                let work = async |tx: &mut database::Tx| tariffs::edit(tx, &granted(), tariff.id, &edit, &Expected::Any).await;
                self.db.transaction(context, work).await?;
                tariff.fees.insert(from, fee);
            }
        }
        if one_in(&mut self.dice, 60) {
            let at = usize::try_from(self.dice.between(0, 3)).unwrap_or_default();
            let fee = self.dice.between(0, 20_000);
            let option = &mut self.market.options[at];
            let edit = Edit::merge(object(json!({"monthly_fee": money(fee)?}))?);
            let work = async |tx: &mut database::Tx| tariffs::options::edit(tx, &granted(), option.id, &edit, &Expected::Any).await;
            self.db.transaction(context, work).await?;
            option.fee = fee;
        }
        Ok(())
    }

    /// Builds the statement, and checks the ledgers and the invariants.
    async fn conclude(self, last: NaiveDate, verify: impl AsyncFn(&Db, &Arc<Context>) -> Result<Invariants>) -> Result<Outcome> {
        let Size { customers, months, seed } = self.size;
        let context = self.context(last, 0);
        let found = Found::read(&self.db, &context).await?;
        let (account, agrees) = found.account();
        let mut text = format!(
            "{customers} customers at first and {} in all, {months} months with seed {seed}, {} to {last} in {}\n\n{account}\
             steps: {}\nrefused as they must be: {}\n\n",
            self.world.subscribers(),
            self.first,
            self.policy.time_zone,
            counted(&self.steps),
            counted(&self.refusals)
        );
        let mut checks = vec![
            ("every step came off, or was refused, as was foreseen", self.surprises),
            ("every contract and its ledger are what was reckoned apart", found.differences(&self.world)),
        ];
        checks.extend(verify(&self.db, &context).await?);
        let mut is_sound = agrees;
        for (what, wrong) in checks {
            is_sound &= wrong.is_empty();
            text += &format!("{} {what}\n", if wrong.is_empty() { "ok    " } else { "BROKEN" });
            for line in wrong {
                text += &format!("       {line}\n");
            }
        }
        text += &format!("{} rows of {} ledgers were compared\n", found.rows(), self.world.lines.len());
        Ok(Outcome { text, is_sound, steps: self.steps, refusals: self.refusals })
    }
}

fn counted(by_name: &BTreeMap<&'static str, usize>) -> String {
    by_name.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}
