//! Places for what lasts, such as streams and uploads: a number in all, and a share of them for each caller, so that one caller cannot
//! take them all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kernel::id::UserId;

/// Places that callers share.
#[derive(Debug)]
pub struct Shares {
    most: usize,
    each: usize,
    held: Mutex<HashMap<UserId, usize>>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The caller has all of its share; this many places.
    Share(usize),
    /// All places are taken; this many.
    All(usize),
}

impl Full {
    /// The number of places, and whose they are, for a message.
    pub fn told(self) -> (usize, &'static str) {
        match self {
            Self::Share(places) => (places, "caller"),
            Self::All(places) => (places, "all"),
        }
    }
}

/// A place, which is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    of: Arc<Shares>,
    user: UserId,
}

impl Shares {
    /// This many places, of which each caller may hold `each`.
    pub fn new(most: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { most, each: each.min(most), held: Mutex::default() })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a user, with whichever of the user's tokens.
    pub fn take(self: &Arc<Self>, user: UserId) -> Result<Place, Full> {
        let mut held = self.held();
        if held.values().sum::<usize>() >= self.most {
            return Err(Full::All(self.most));
        }
        let own = held.entry(user).or_default();
        if *own >= self.each {
            return Err(Full::Share(self.each));
        }
        *own += 1;
        Ok(Place { of: self.clone(), user })
    }

    /// The number of places that are taken.
    pub fn taken(&self) -> usize {
        self.held().values().sum()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.of.held();
        if let Some(own) = held.get_mut(&self.user) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_a_share_and_all_have_the_rest_and_what_is_left_is_free() {
        let shares = Shares::new(3, 2);
        let [one, other, third] = [1, 2, 3].map(UserId::new);
        let first = shares.take(one).unwrap();
        let _second = shares.take(one).unwrap();
        assert_eq!(shares.take(one).unwrap_err(), Full::Share(2));
        let _others = shares.take(other).unwrap();
        assert_eq!(shares.take(third).unwrap_err(), Full::All(3));
        drop(first);
        assert_eq!(shares.taken(), 2);
        let _third = shares.take(third).unwrap();
        assert_eq!(shares.take(one).unwrap_err(), Full::All(3));
    }
}
