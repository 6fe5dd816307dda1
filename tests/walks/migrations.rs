//! The schemas of the two engines agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use sqlx::{Connection, PgConnection, Row, SqliteConnection};

use crate::harness::{Engine, TestDatabase};

fn files(engine: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(engine);
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn each_migration_is_there_for_both_engines() {
    let files = [files("sqlite"), files("postgres")];
    assert_eq!(files[0], files[1]);
    for (at, name) in files[0].iter().enumerate() {
        assert!(name.starts_with(&format!("{:04}_", at + 1)), "{name} is out of order");
    }
}

struct Schema {
    /// Columns by table, each with whether it may be NULL.
    tables: BTreeMap<String, BTreeSet<String>>,
    /// Indexes with names that the migrations chose.
    indexes: BTreeSet<String>,
}

fn column(name: &str, nullable: bool) -> String {
    format!("{name}{}", if nullable { " or null" } else { "" })
}

/// Whether only one engine has this: the table of its migrator, and its search structures.
fn is_its_own(name: &str) -> bool {
    name == "_sqlx_migrations" || name.starts_with("sqlite_") || name.contains("_search")
}

async fn of_sqlite(url: &str) -> Schema {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let mut tables = BTreeMap::new();
    let names = |kind: &str| format!("SELECT name FROM sqlite_master WHERE type = '{kind}'");
    for table in sqlx::query(&names("table")).fetch_all(&mut connection).await.unwrap() {
        let table: String = table.get("name");
        if is_its_own(&table) {
            continue;
        }
        let rows =
            sqlx::query(&format!("PRAGMA table_info({table})")).fetch_all(&mut connection).await.unwrap();
        let nullable =
            |row: &sqlx::sqlite::SqliteRow| row.get::<i64, _>("notnull") == 0 && row.get::<i64, _>("pk") == 0;
        tables.insert(table, rows.iter().map(|row| column(row.get("name"), nullable(row))).collect());
    }
    let indexes = sqlx::query(&names("index")).fetch_all(&mut connection).await.unwrap();
    let indexes =
        indexes.iter().map(|row| row.get("name")).filter(|name: &String| !is_its_own(name)).collect();
    connection.close().await.unwrap();
    Schema { tables, indexes }
}

async fn of_postgres(url: &str) -> Schema {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let columns = "SELECT table_name::text, column_name::text, is_nullable = 'YES' AS nullable \
                   FROM information_schema.columns WHERE table_schema = 'public'";
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in sqlx::query(columns).fetch_all(&mut connection).await.unwrap() {
        let table: String = row.get("table_name");
        if !is_its_own(&table) {
            tables.entry(table).or_default().insert(column(row.get("column_name"), row.get("nullable")));
        }
    }
    // indexes of constraints have names that PostgreSQL generated
    let ours = "SELECT indexrelid::regclass::text AS name FROM pg_index JOIN pg_class \
                ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace \
                AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)";
    let indexes = sqlx::query(ours).fetch_all(&mut connection).await.unwrap();
    let indexes =
        indexes.iter().map(|row| row.get("name")).filter(|name: &String| !is_its_own(name)).collect();
    connection.close().await.unwrap();
    Schema { tables, indexes }
}

#[test]
fn both_engines_have_the_same_tables_columns_and_indexes() {
    let sqlite = TestDatabase::fresh(Engine::Sqlite).unwrap();
    let Some(postgres) = TestDatabase::fresh(Engine::Postgres) else { return };
    actix_web::rt::System::new().block_on(async {
        let (one, other) = (of_sqlite(&sqlite.url).await, of_postgres(&postgres.url).await);
        assert!(one.tables.len() > 15, "{} tables", one.tables.len());
        assert_eq!(one.tables, other.tables);
        assert_eq!(one.indexes, other.indexes);
        sqlite.remove().await;
        postgres.remove().await;
    });
}
