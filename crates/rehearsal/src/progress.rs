//! Progress output: a bar on a terminal, otherwise a line for every tenth.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use indicatif::{ProgressBar, ProgressStyle};
use kernel::{Error, Result};

/// Prints the progress on standard error.
pub struct Progress {
    total: u64,
    what: &'static str,
    tenths: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts at zero of `total`; `what` names the units.
    pub fn new(total: u64, what: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(&format!("{{bar:40}} {{human_pos}}/{{human_len}} {what}, {{eta}} left"));
            ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { total, what, tenths: 0, bar }
    }

    /// Reports that `done` units are complete.
    pub fn reach(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            return;
        }
        let tenths = done * 10 / self.total.max(1);
        if tenths > self.tenths {
            self.tenths = tenths;
            eprintln!("{}%: {done} of {} {}", tenths * 10, self.total, self.what);
        }
    }

    /// Reports that all units are complete.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Prints a line on standard output. When its reader has closed the pipe, such as `head`, there is nothing more to say.
pub fn print(line: impl Display) -> Result<()> {
    match writeln!(io::stdout().lock(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(Error::internal),
    }
}
