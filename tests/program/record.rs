//! What a database was made for, and which commands make one.

use std::fs;

use serde_json::json;

use super::{PASSWORD, Place, program};
use crate::harness::{Engine, TestDatabase};

#[program]
async fn a_database_serves_only_the_country_and_the_time_zone_that_it_was_made_for(place: &Place) {
    let server = place.serve_with_password(&[]).await;
    let admin = server.admin().await;
    let contract = admin.draft("600.00").await;
    admin.pay(contract, "100.00").await;
    server.stop();
    let rows =
        place.texts("SELECT country || ' ' || currency || ' ' || time_zone FROM settings_of_record").await;
    assert_eq!(rows, ["ru RUB Europe/Moscow"]);
    let changes = place.texts("SELECT action FROM audit WHERE entity = 'settings_of_record'").await;
    assert_eq!(changes, ["settings.recorded"]);

    for (name, value, asked) in [
        ("COUNTRY", "kg", "kg (KGS, Asia/Bishkek)"),
        ("COUNTRY", "kz", "kz (KZT, Asia/Almaty)"),
        ("TIMEZONE", "Asia/Omsk", "ru (RUB, Asia/Omsk)"),
    ] {
        let other = [(name, value)];
        for arguments in [
            &["serve"][..],
            &["migrate"],
            &["billing", "run"],
            &["create-user", "desk"],
            &["seed", "--customers", "1"],
            &["verify"],
        ] {
            let outcome = place.run(arguments, &[&[("BIND", "127.0.0.1:0")], &other[..]].concat()).expect(2);
            assert_eq!(
                outcome.err.trim_end(),
                format!(
                    "{name}: the database was made for ru (RUB, Europe/Moscow), and the settings are {asked}; \
                     set COUNTRY=ru and TIMEZONE=Europe/Moscow, or name another database in DATABASE_URL"
                ),
                "{arguments:?}"
            );
            assert_eq!(outcome.out, "", "{arguments:?}");
        }
    }
    assert_eq!(place.texts("SELECT username FROM users").await, ["admin"]);
    assert_eq!(place.texts("SELECT CAST(COUNT(*) AS TEXT) FROM customers").await, ["1"]);
    place.run(&["verify"], &[("COUNTRY", "ru"), ("TIMEZONE", "Europe/Moscow")]).expect(0);
}

#[program]
async fn a_database_of_an_earlier_version_is_recorded_by_the_first_start(place: &Place) {
    let kazakhstan = [("COUNTRY", "kz"), ("TIMEZONE", "Asia/Qyzylorda")];
    place.run(&["migrate"], &kazakhstan).expect(0);
    place.execute("DELETE FROM settings_of_record").await;
    let shown = place.run(&["settings"], &kazakhstan).expect(0);
    assert!(
        shown.out.ends_with("The database has no settings of record yet; the next start records them.\n")
    );
    place.run(&["migrate"], &kazakhstan).expect(0);
    let shown = place.run(&["settings"], &kazakhstan).expect(0);
    assert!(shown.out.ends_with("The database was made for kz (KZT, Asia/Qyzylorda).\n"), "{shown:?}");
    place.run(&["migrate"], &[]).expect(2);
}

#[program]
async fn settings_are_shown_with_where_they_are_from_and_without_what_is_secret(place: &Place) {
    let set = [
        ("PUBLIC_URL", "https://crm.example.com"),
        ("JWT_SECRET", "hunter2 hunter2 hunter2 hunter2 hunter2"),
        ("TERMINALS", "qiwi=hunter2 hunter2 hunter2 hunter2"),
    ];
    fs::write(
        place.file(".env"),
        "# ours\nBILLING_TIME=03:30\nSMTP_URL=smtp://crm:hunter2@mail.example.com\nSMTP_FROM=Telecom <noreply@example.com>\n",
    )
    .unwrap();
    place.run(&["migrate"], &set).expect(0);
    let shown = place.run(&["settings"], &set).expect(0);
    let line = |name: &str| {
        let line = shown.out.lines().find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("{name} is not in {}", shown.out))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line("COUNTRY"), "COUNTRY ru default");
    assert_eq!(line("TIMEZONE"), "TIMEZONE Europe/Moscow default");
    assert_eq!(line("BILLING_TIME"), "BILLING_TIME 03:30 .env, line 2");
    assert_eq!(line("PUBLIC_URL"), "PUBLIC_URL https://crm.example.com environment");
    assert_eq!(line("SMTP_URL"), "SMTP_URL smtp://crm:…@mail.example.com .env, line 3");
    assert_eq!(line("SMTP_FROM"), "SMTP_FROM Telecom <noreply@example.com> .env, line 4");
    assert_eq!(line("JWT_SECRET"), "JWT_SECRET (set) environment");
    assert_eq!(line("TERMINALS"), "TERMINALS (set) environment");
    assert!(!shown.out.contains("hunter2") && !shown.err.contains("hunter2"), "{shown:?}");
    assert!(shown.out.ends_with("The database was made for ru (RUB, Europe/Moscow).\n"), "{shown:?}");

    let other = place.run(&["settings"], &[&set[..], &[("COUNTRY", "kg")]].concat()).expect(2);
    assert!(other.out.contains("made for ru") && other.err.starts_with("COUNTRY: "), "{other:?}");
}

/// Commands that need a database with content.
const NEED_A_DATABASE: [&[&str]; 5] = [
    &["billing", "run"],
    &["create-user", "desk"],
    &["verify"],
    &["settings"],
    &["billing", "run", "--dry-run"],
];

#[test]
fn only_serve_migrate_and_seed_make_a_database() {
    let place = Place::new(TestDatabase::empty(Engine::Sqlite).unwrap());
    let path = place.file("data/crm.db");
    let refusal = |path: &std::path::Path| {
        format!(
            "DATABASE_URL: there is no database of this program at {}; correct the name, or make the database with \
             telecom-crm migrate\n",
            path.display()
        )
    };
    for command in NEED_A_DATABASE {
        let outcome = place.run(command, &[]).expect(1);
        assert_eq!(outcome.err, refusal(&path), "{command:?}");
        assert!(!place.file("data").exists(), "{command:?} made a folder");
    }
    // an empty file, and one with the tables of somebody else
    fs::create_dir(place.file("data")).unwrap();
    fs::write(&path, "").unwrap();
    for command in NEED_A_DATABASE {
        assert_eq!(place.run(command, &[]).expect(1).err, refusal(&path), "{command:?}");
        assert_eq!(path.metadata().unwrap().len(), 0);
    }
    fs::remove_file(&path).unwrap();
    place.run(&["seed", "--customers", "10"], &[]).expect(0);
    assert!(path.exists());
}

#[test]
fn an_empty_database_on_a_server_stays_empty_under_the_other_commands() {
    let Some(database) = TestDatabase::empty(Engine::Postgres) else { return };
    actix_web::rt::System::new().block_on(async {
        let place = Place::new(database);
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
        for command in NEED_A_DATABASE {
            let outcome = place.run(command, &[]).expect(1);
            assert!(
                outcome.err.starts_with("DATABASE_URL: the database crm_test_")
                    && outcome.err.contains(" is empty; "),
                "{outcome:?}"
            );
            assert_eq!(place.texts(tables).await, Vec::<String>::new(), "{command:?}");
        }
        place.run(&["seed", "--customers", "10"], &[]).expect(0);
        place.run(&["verify"], &[]).expect(0);
        place.database.remove().await;
    });
}

#[program]
async fn an_older_and_a_newer_schema_are_told_apart(place: &Place) {
    let server = place.serve_with_password(&[]).await;
    let admin = server.sign_in("admin", PASSWORD).await;
    admin
        .post("/tariffs", json!({"name": "Старт", "tariff_type": "prepaid", "monthly_fee": "1.00"}))
        .await
        .expect(201);
    server.stop();
    let newest = "(SELECT MAX(version) FROM _sqlx_migrations)";
    place.execute(&format!("UPDATE _sqlx_migrations SET version = 9999 WHERE version = {newest}")).await;
    let newer = "DATABASE_URL: the database has the schema of a newer version of this program";
    for (command, code) in [
        (&["verify"][..], 1),
        (&["settings"], 1),
        (&["migrate"], 1),
        (&["billing", "run"], 1),
        (&["serve"], 1),
    ] {
        let outcome = place.run(command, &[("BIND", "127.0.0.1:0")]).expect(code);
        assert!(
            outcome.err.starts_with(newer) && outcome.err.contains("restore the backup"),
            "{command:?}: {outcome:?}"
        );
    }
    place.execute("DELETE FROM _sqlx_migrations WHERE version = 9999").await;
    for command in ["verify", "settings"] {
        let older = place.run(&[command], &[]).expect(1);
        assert_eq!(
            older.err,
            "DATABASE_URL: the database has the schema of an older version of this program; run telecom-crm migrate first\n"
        );
        // the settings are shown before that, so that they can be checked before the first start
        let shows_country = older.out.lines().any(|line| line.starts_with("COUNTRY "));
        assert_eq!(shows_country, command == "settings", "{older:?}");
    }
}
