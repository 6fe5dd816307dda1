//! Units of work without their types: what runs, repeats and bounds them is compiled once and not for every use case.

use std::{cell::RefCell, future::Future, pin::Pin};

use kernel::error::{Error, Result};

/// The future of a unit of work.
type Running<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// A unit of work on a connection of kind `C`, which keeps what it makes.
pub(crate) trait Unit<C> {
    /// Runs the work once.
    fn run<'a>(&'a self, on: &'a mut C) -> Running<'a>;
}

/// A unit of work with the result of its last run.
pub(crate) struct Kept<T, W> {
    work: W,
    made: RefCell<Option<T>>,
}

impl<T, W> Kept<T, W> {
    pub(crate) fn new(work: W) -> Self {
        Self { work, made: RefCell::new(None) }
    }

    /// What the last successful run made.
    pub(crate) fn made(self) -> Result<T> {
        self.made.into_inner().ok_or_else(|| Error::internal("a unit of work succeeded and made nothing"))
    }
}

impl<C, T, W: AsyncFn(&mut C) -> Result<T>> Unit<C> for Kept<T, W> {
    fn run<'a>(&'a self, on: &'a mut C) -> Running<'a> {
        Box::pin(async move {
            let made = (self.work)(on).await?;
            self.made.replace(Some(made));
            Ok(())
        })
    }
}
