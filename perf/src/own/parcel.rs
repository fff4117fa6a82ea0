//! Messages of other sizes: what goes through the ring instead of a [`Message`].

use crate::workload::Message;

/// The sizes that there are, in bytes.
pub const SIZES: &[usize] = &[16, 32, 64, 128, 256, 512, 1_024, 4_096, 16_384];

/// What goes through a ring. It is written as a whole; a subscriber looks at its numbers, its time, and its end.
pub trait Parcel: Clone + Send + Sync + 'static {
    /// Packs a message.
    fn pack(message: Message) -> Self;

    /// Gives away what subscribers check of it.
    fn give(&self, take: impl FnOnce(&Message));
}

/// As it is.
impl Parcel for Message {
    #[inline(always)]
    fn pack(message: Message) -> Self {
        message
    }

    #[inline(always)]
    fn give(&self, take: impl FnOnce(&Message)) {
        take(self);
    }
}

/// 16 bytes: the publisher and the sequence in one word, and the time.
#[derive(Clone, Copy)]
pub struct Small {
    /// The publisher in the upper byte, and the sequence.
    number: u64,
    /// When it was due.
    due: u64,
}

/// The bits of the sequence.
const SEQUENCE_BITS: u32 = 56;

impl Parcel for Small {
    #[inline(always)]
    fn pack(message: Message) -> Self {
        let number = message.publisher << SEQUENCE_BITS | message.sequence;
        Self { number, due: message.payload[0] }
    }

    #[inline(always)]
    fn give(&self, take: impl FnOnce(&Message)) {
        let sequence = self.number & ((1 << SEQUENCE_BITS) - 1);
        take(&Message::stamped(self.number >> SEQUENCE_BITS, sequence, self.due));
    }
}

/// So many words, four at least: the sequence, the publisher, the time, and the sequence again and again.
#[derive(Clone, Copy)]
pub struct Words<const COUNT: usize>([u64; COUNT]);

impl<const COUNT: usize> Parcel for Words<COUNT> {
    #[inline(always)]
    fn pack(message: Message) -> Self {
        const { assert!(COUNT >= 4, "room for what is checked") };
        let mut words = [message.sequence; COUNT];
        (words[1], words[2]) = (message.publisher, message.payload[0]);
        Self(words)
    }

    #[inline(always)]
    fn give(&self, take: impl FnOnce(&Message)) {
        let mut message = Message::stamped(self.0[1], self.0[0], self.0[2]);
        message.payload[5] = self.0[COUNT - 1];
        take(&message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parcels_are_as_large_as_they_say() {
        let sizes = [size_of::<Small>(), size_of::<Words<4>>(), size_of::<Words<2_048>>()];
        assert_eq!(sizes, [16, 32, 16_384]);
    }

    fn given(parcel: impl Parcel) -> Message {
        let mut given = Message::default();
        parcel.give(|message| given = *message);
        given
    }

    #[test]
    fn what_is_checked_comes_out_as_it_went_in() {
        let message = Message::stamped(7, 123, 456);
        assert_eq!(given(message), message);
        assert_eq!(given(Small::pack(message)), message);
        assert_eq!(given(Words::<4>::pack(message)), message);
        assert_eq!(given(Words::<64>::pack(message)), message);
        let mut torn = Words::<64>::pack(message);
        torn.0[63] = 0;
        assert_ne!(given(torn), message);
    }
}
