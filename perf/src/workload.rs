//! What is sent, and how every subscriber checks what it received.

use serde::{Deserialize, Serialize};

/// Slots of a ring, or places of each queue of a fan-out.
pub const CAPACITY: usize = 1_024;
/// Messages published at once in the batch rows.
pub const BATCH: usize = 64;
/// The most messages that a contender with batched reads takes at once.
pub const READ: usize = 256;
/// The most publishers that a row may have; a power of two, so that a ledger's index needs no
/// check.
pub const MAX_PUBLISHERS: usize = 8;

/// The message: 64 bytes, no pointers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C)]
pub struct Message {
    /// Its place among the messages of its publisher, from 0.
    pub sequence: u64,
    /// The publisher it comes from.
    pub publisher: u64,
    /// The rest of it. The first word is the intended time in latency rows; the last repeats the
    /// sequence, so that a torn message is seen.
    pub payload: [u64; 6],
}

impl Message {
    /// Message number `sequence` of `publisher`.
    #[inline]
    pub fn new(publisher: u64, sequence: u64) -> Self {
        Self { sequence, publisher, payload: [sequence; 6] }
    }

    /// The same, stamped with the time at which it was meant to be sent.
    #[inline]
    pub fn stamped(publisher: u64, sequence: u64, due: u64) -> Self {
        let mut message = Self::new(publisher, sequence);
        message.payload[0] = due;
        message
    }

    /// What a teller tells after its last message.
    #[inline]
    pub fn last(publisher: u64) -> Self {
        Self::new(publisher, u64::MAX)
    }

    /// Whether it is that.
    #[inline]
    pub fn is_last(&self) -> bool {
        self.sequence == u64::MAX
    }

    /// What a request of this message is answered with.
    #[inline]
    pub fn answer(&self) -> Self {
        Self { payload: [!self.sequence; 6], ..*self }
    }

    /// Whether it is such an answer.
    pub fn is_answer(&self) -> bool {
        self.payload[5] != self.sequence
    }
}

/// Takes in what a subscriber receives. Contenders are generic over it, so the same receiving code
/// serves all rows.
pub trait Sink: Send + 'static {
    /// Takes one message.
    fn take(&mut self, message: &Message);

    /// The books of this subscriber.
    fn ledger(&self) -> &Ledger;
}

/// Counts what a subscriber received and checks that nothing is torn, lost, repeated or out of
/// order.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Messages received.
    received: u64,
    /// The sequence expected next from each publisher.
    next: [u64; MAX_PUBLISHERS],
    /// Sum of the sequences received from each publisher.
    sums: [u64; MAX_PUBLISHERS],
    /// Not zero once a message was torn.
    torn: u64,
    /// Not zero once a message was not the one expected next of its publisher.
    disorder: u64,
}

impl Sink for Ledger {
    #[inline]
    fn take(&mut self, message: &Message) {
        let publisher = message.publisher as usize % MAX_PUBLISHERS;
        self.received += 1;
        self.torn |= message.payload[5] ^ message.sequence;
        self.disorder |= message.sequence ^ self.next[publisher];
        self.next[publisher] = message.sequence + 1;
        self.sums[publisher] = self.sums[publisher].wrapping_add(message.sequence);
    }

    fn ledger(&self) -> &Ledger {
        self
    }
}

impl Ledger {
    /// Messages received.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Checks the books against the number of messages that each publisher sent.
    ///
    /// # Panics
    ///
    /// If a message was torn; or, for a lossless contender, if anything is missing, repeated or out
    /// of order.
    pub fn check(&self, published: &[u64], lossless: bool) {
        assert_eq!(self.torn, 0, "a subscriber received a torn message");
        if !lossless {
            return;
        }
        assert_eq!(self.disorder, 0, "a subscriber received a publisher's messages out of order");
        assert_eq!(
            self.received,
            published.iter().sum::<u64>(),
            "a subscriber did not receive every message once"
        );
        for (sum, count) in self.sums.iter().zip(published) {
            assert_eq!(*sum, checksum(*count), "the checksum of a publisher's sequences is wrong");
        }
    }
}

/// The sum of the sequences `0..count`, modulo 2^64.
fn checksum(count: u64) -> u64 {
    (u128::from(count) * u128::from(count.saturating_sub(1)) / 2) as u64
}

#[cfg(test)]
mod tests {
    use super::{Ledger, Message, Sink};

    /// A ledger that has received these sequences of one publisher.
    fn ledger(sequences: &[u64]) -> Ledger {
        let mut ledger = Ledger::default();
        sequences.iter().for_each(|sequence| ledger.take(&Message::new(0, *sequence)));
        ledger
    }

    #[test]
    fn everything_in_order_is_right() {
        ledger(&[0, 1, 2]).check(&[3], true);
    }

    #[test]
    fn several_publishers_may_interleave() {
        let mut ledger = Ledger::default();
        for message in [Message::new(1, 0), Message::new(0, 0), Message::new(1, 1)] {
            ledger.take(&message);
        }
        ledger.check(&[1, 2], true);
    }

    #[test]
    fn a_gap_is_right_only_where_messages_may_be_lost() {
        ledger(&[0, 2]).check(&[3], false);
    }

    #[test]
    #[should_panic(expected = "out of order")]
    fn a_gap_is_seen() {
        ledger(&[0, 2]).check(&[3], true);
    }

    #[test]
    #[should_panic(expected = "every message once")]
    fn a_missing_end_is_seen() {
        ledger(&[0, 1]).check(&[3], true);
    }

    #[test]
    #[should_panic(expected = "torn")]
    fn a_torn_message_is_seen() {
        let mut ledger = Ledger::default();
        let mut message = Message::new(0, 0);
        message.payload[5] = 7;
        ledger.take(&message);
        ledger.check(&[1], false);
    }
}
