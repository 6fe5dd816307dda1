//! Simulated months of an operator; every amount is also computed independently.

use std::{collections::BTreeMap, sync::Arc};

use kernel::{Policy, country::Country};
use rehearsal::{Outcome, Size, simulate};
use server::{assembly, verify};

use crate::{
    harness::{Engine, TestDatabase},
    program::{Place, program},
};

/// Time zones across the countries, some of which have changed their offset.
const ZONES: [(Country, &str); 7] = [
    (Country::Ru, "Europe/Moscow"),
    (Country::Ru, "Asia/Kamchatka"),
    (Country::Kg, "Asia/Bishkek"),
    (Country::Kz, "Asia/Almaty"),
    (Country::Ru, "Europe/Kaliningrad"),
    (Country::Ru, "Asia/Vladivostok"),
    (Country::Uz, "Asia/Tashkent"),
];

fn lived(engine: Engine, seed: u64) -> Option<Outcome> {
    let database = TestDatabase::fresh(engine)?;
    let (country, zone) = ZONES[usize::try_from(seed).unwrap() % ZONES.len()];
    // every other operator credits days under a hold
    let credits_holds = seed % 2 == 1;
    let policy =
        Arc::new(Policy { time_zone: zone.parse().unwrap(), credits_holds, ..Policy::standard(country) });
    Some(actix_web::rt::System::new().block_on(async {
        let db = assembly::connect(&database.settings()).await.unwrap().patient();
        let outcome = simulate(&db, &policy, Size { customers: 10, months: 12, seed }, verify::violations)
            .await
            .unwrap();
        db.close().await;
        database.give_back().await;
        outcome
    }))
}

/// Simulates these seeds and returns the outcomes.
fn live(engine: Engine, seeds: std::ops::RangeInclusive<u64>) -> Vec<Outcome> {
    let outcomes: Vec<Outcome> = seeds.filter_map(|seed| lived(engine, seed)).collect();
    for outcome in &outcomes {
        assert!(outcome.is_sound, "{}", outcome.text);
    }
    outcomes
}

#[test]
fn months_of_life_come_to_what_was_reckoned_apart_on_sqlite() {
    let outcomes = live(Engine::Sqlite, 0..=6);
    let mut steps: BTreeMap<&str, usize> = BTreeMap::new();
    let mut refusals = steps.clone();
    for outcome in &outcomes {
        outcome.steps.iter().for_each(|(name, count)| *steps.entry(name).or_default() += count);
        outcome.refusals.iter().for_each(|(code, count)| *refusals.entry(code).or_default() += count);
    }
    // all possible steps were done, and the refusals were provoked
    assert_eq!(steps.len(), 24, "{steps:?}");
    assert!(
        ["balance_too_low", "option_incompatible", "refund_too_large", "hold_absent"]
            .iter()
            .all(|code| refusals.contains_key(code)),
        "{refusals:?}"
    );
}

#[test]
fn months_of_life_come_to_what_was_reckoned_apart_on_postgres() {
    live(Engine::Postgres, 1..=2);
}

#[test]
fn the_same_seed_is_the_same_life_on_either_engine_and_another_is_not() {
    let sqlite = lived(Engine::Sqlite, 1).unwrap().text;
    assert_eq!(lived(Engine::Sqlite, 1).unwrap().text, sqlite);
    assert_ne!(lived(Engine::Sqlite, 2).unwrap().text, sqlite);
    if let Some(postgres) = lived(Engine::Postgres, 1) {
        assert_eq!(postgres.text, sqlite);
    }
}

#[program]
async fn a_simulation_tells_its_account_leaves_nothing_behind_and_keeps_a_database_of_ones_own(
    place: &Place,
) {
    let arguments = ["simulate", "--customers", "4", "--months", "2", "--seed", "5"];
    let outcome = place.run(&arguments, &[]).expect(0);
    assert_eq!(place.run(&arguments, &[]).expect(0).out, outcome.out);
    for word in [
        "paid ",
        "charged ",
        "refunded ",
        "corrected ",
        "left ",
        "is what is left\n",
        "contracts: ",
        "events: ",
        "steps: ",
    ] {
        assert!(outcome.out.contains(word), "{word} is not in {}", outcome.out);
    }
    assert!(outcome.out.contains("\nok     ") && !outcome.out.contains("BROKEN"), "{}", outcome.out);
    assert!(
        outcome.err.starts_with("50%: 1 of 2 months\n100%: 2 of 2 months\nin ")
            && outcome.err.ends_with(" s\n"),
        "{}",
        outcome.err
    );
    assert!(!place.file("data").exists());

    // in a given database, which then contains the data and refuses another simulation
    let kept = place.url();
    let arguments = [&arguments[..], &["--database-url", &kept]].concat();
    assert_eq!(place.run(&arguments, &[]).expect(0).out, outcome.out);
    place.run(&["verify"], &[]).expect(0);
    let again = place.run(&arguments, &[]).expect(1);
    assert!(again.out.is_empty() && again.err.contains("holds data already"), "{again:?}");
    // the check at the end of a simulation finds one changed balance
    place.execute("UPDATE contracts SET balance = balance + 1 WHERE id = 1").await;
    place.run(&["verify"], &[]).expect(1);
    place.execute("UPDATE contracts SET balance = balance - 1 WHERE id = 1").await;
}
