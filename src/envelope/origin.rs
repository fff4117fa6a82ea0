//! Where a message that a bridge has carried was published first.

use std::fmt;
use std::num::NonZeroU16;

use crate::envelope::id::{Unique, process_prefix};

/// Where a message was published first: a ring (an in-memory broker) that a bridge joins to a remote broker. It is
/// set on what a bridge exports and on what it imports; what was published here has none.
///
/// In a process 2 bytes, and so is an `Option`. Beyond it 16, which no other process makes: the first half is the
/// process, the second the ring. Of a ring of another process a message that came from there says only that it is
/// not of this one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin(NonZeroU16);

impl Origin {
    /// Somewhere else: no ring of this process, or none at all.
    pub const ELSEWHERE: Self = Self(NonZeroU16::MIN);

    /// How many rings of a process can have one.
    #[cfg(feature = "remote")]
    pub(crate) const MOST: u16 = u16::MAX - 1;

    /// The origin of a ring that has none yet; `None` if there is no more.
    #[cfg(any(test, feature = "remote"))]
    pub(crate) fn fresh() -> Option<Self> {
        use std::sync::atomic::{AtomicU16, Ordering};

        static LAST: AtomicU16 = AtomicU16::new(Origin::ELSEWHERE.0.get());
        // Relaxed: it only has to be another number each time.
        let last =
            LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| last.checked_add(1));
        last.ok().and_then(|last| NonZeroU16::MIN.checked_add(last)).map(Self)
    }

    /// Its bits, for the wire.
    pub fn to_u128(self) -> u128 {
        Unique { prefix: process_prefix(), number: self.0.get().into() }.to_u128()
    }

    /// What these bits are here: the ring of this process that [`to_u128`](Self::to_u128) was called on, or
    /// [`ELSEWHERE`](Self::ELSEWHERE). `None` for bits that no origin has.
    pub fn from_u128(bits: u128) -> Option<Self> {
        let Unique { prefix, number } = Unique::from_u128(bits)?;
        let ring = NonZeroU16::new(u16::try_from(number).ok()?)?;
        Some(if prefix == process_prefix() { Self(ring) } else { Self::ELSEWHERE })
    }
}

impl fmt::Display for Origin {
    /// Its 32 hexadecimal digits on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.to_u128())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ELSEWHERE => f.write_str("Origin(elsewhere)"),
            Self(ring) => write!(f, "Origin(ring {ring})"),
        }
    }
}

impl std::str::FromStr for Origin {
    type Err = crate::envelope::InvalidId;

    /// Reads what `Display` writes, in whatever process.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bits = crate::envelope::id::parse(text)?.to_u128();
        Self::from_u128(bits).ok_or_else(|| crate::envelope::id::InvalidId::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_known_in_its_process_only() {
        let (ring, other) = (Origin::fresh().unwrap(), Origin::fresh().unwrap());
        assert_ne!(ring, other);
        for origin in [ring, other, Origin::ELSEWHERE] {
            assert_eq!(Origin::from_u128(origin.to_u128()), Some(origin));
            assert_eq!(origin.to_string().parse(), Ok(origin));
        }
        let of_another_process = ring.to_u128() ^ 1 << 64;
        assert_eq!(Origin::from_u128(of_another_process), Some(Origin::ELSEWHERE));
    }

    #[test]
    fn what_no_process_makes_is_refused() {
        let bits = Origin::ELSEWHERE.to_u128();
        for none in [0, bits as u64 as u128, bits & !0xffff, bits + (1 << 16)] {
            assert_eq!(Origin::from_u128(none), None, "{none:032x}");
        }
    }
}
