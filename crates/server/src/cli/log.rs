//! The format and the output of log lines.

use std::{
    io::Write,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use env_logger::{Builder, Target, fmt::Formatter};
use log::{
    Record,
    kv::{Key, Value, VisitSource},
};
use serde_json::{Map, json};

use crate::settings::{LogFormat, Settings};

/// Starts logging to standard error.
pub fn start(settings: &Settings) {
    let mut builder = Builder::new();
    // this module logs every malformed request head as an error, and any client can cause that
    builder.filter_module("actix_http::h1::dispatcher", log::LevelFilter::Off);
    builder.parse_filters(&settings.log_filter);
    match settings.log_format {
        LogFormat::Text => builder.format(text),
        LogFormat::Json => builder.format(json_line),
    };
    builder.target(Target::Pipe(Box::new(Lines)));
    // in tests the logger may already be set
    if builder.try_init().is_ok() {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(LONGEST_WAIT);
                flush();
            }
        });
    }
}

/// The maximum delay before a line is written.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Lines to write together: a separate write for each would cost more than formatting it.
static WAITING: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// The size in bytes at which the lines are written at once.
const MOST_WAITING: usize = 32 * 1024;

struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut waiting = waiting();
        waiting.extend_from_slice(line);
        if waiting.len() >= MOST_WAITING { write_out(&mut waiting).map(|()| line.len()) } else { Ok(line.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        // the logger flushes after each line; the thread started by `start` writes the lines
        Ok(())
    }
}

fn waiting() -> MutexGuard<'static, Vec<u8>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_out(waiting: &mut Vec<u8>) -> std::io::Result<()> {
    let written = std::io::stderr().write_all(waiting);
    waiting.clear();
    written
}

/// Writes the pending lines; also called before the program ends.
pub fn flush() {
    // a failure to write the log must not stop the program
    let _unwritten = write_out(&mut waiting());
}

fn text(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    struct Pairs<'a>(&'a mut Formatter);
    impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
            Ok(write!(self.0, " {key}={value}")?)
        }
    }
    write!(out, "{} {:5} {}: {}", out.timestamp_millis(), record.level(), record.target(), record.args())?;
    record.key_values().visit(&mut Pairs(out)).map_err(std::io::Error::other)?;
    writeln!(out)
}

fn json_line(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    struct Fields(Map<String, serde_json::Value>);
    impl<'kvs> VisitSource<'kvs> for Fields {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
            let value = value.to_u64().map_or_else(|| json!(value.to_string()), |number| json!(number));
            self.0.insert(key.to_string(), value);
            Ok(())
        }
    }
    let mut fields = Fields(Map::new());
    fields.0.insert("time".into(), json!(out.timestamp_millis().to_string()));
    fields.0.insert("level".into(), json!(record.level().as_str()));
    fields.0.insert("target".into(), json!(record.target()));
    fields.0.insert("message".into(), json!(record.args().to_string()));
    record.key_values().visit(&mut fields).map_err(std::io::Error::other)?;
    writeln!(out, "{}", serde_json::Value::Object(fields.0))
}
