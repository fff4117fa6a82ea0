//! Which keys are whose.
//!
//! A key's hash falls into one of many buckets, and each bucket belongs to the member that has the highest
//! weight for it (rendezvous hashing): so when a member comes it takes its part from all the others, when one
//! goes its part falls to all of them, and no other key moves. A member knows its buckets as a set of
//! bits, small enough to stay in the nearest cache.

use std::collections::VecDeque;

/// Many, so that the parts of many members are of like size; few, so that a set is 512 bytes.
const BUCKETS: usize = if cfg!(stentor_loom) { 64 } else { 4096 };

/// Names a member of a group; never used twice in it.
pub(crate) type MemberId = u32;

/// The owner of every bucket.
#[derive(Clone)]
pub(crate) struct Table(Box<[Option<MemberId>]>);

impl Table {
    /// Nobody owns anything.
    pub(crate) fn new() -> Self {
        Self(vec![None; BUCKETS].into())
    }

    /// The same with a new member.
    pub(crate) fn with(&self, newcomer: MemberId) -> Self {
        let owner = |(bucket, owner): (usize, &Option<MemberId>)| match owner {
            Some(owner) if weight(bucket, *owner) >= weight(bucket, newcomer) => Some(*owner),
            _ => Some(newcomer),
        };
        Self(self.0.iter().enumerate().map(owner).collect())
    }

    /// The same without a member; these are the others.
    pub(crate) fn without(&self, leaver: MemberId, others: &[MemberId]) -> Self {
        let heir = |bucket| others.iter().copied().max_by_key(|other| weight(bucket, *other));
        let owner = |(bucket, owner): (usize, &Option<MemberId>)| {
            if *owner == Some(leaver) { heir(bucket) } else { *owner }
        };
        Self(self.0.iter().enumerate().map(owner).collect())
    }
}

/// What a member's claim to a bucket weighs: a number as good as random (the finalizer of SplitMix64).
fn weight(bucket: usize, member: MemberId) -> u64 {
    let mut mixed = ((bucket as u64) << 32 | u64::from(member)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The buckets of one member, from some sequence on.
struct Span {
    from: u64,
    buckets: [u64; BUCKETS / 64],
}

impl Span {
    fn new(from: u64, table: &Table, member: MemberId) -> Self {
        let mut buckets = [0; BUCKETS / 64];
        for (bucket, owner) in table.0.iter().enumerate() {
            buckets[bucket / 64] |= u64::from(*owner == Some(member)) << (bucket % 64);
        }
        Self { from, buckets }
    }

    #[inline(always)]
    fn has(&self, hash: u64) -> bool {
        // The upper bits are the better ones.
        let bucket = (hash >> (64 - BUCKETS.ilog2())) as usize;
        self.buckets[bucket / 64] >> (bucket % 64) & 1 != 0
    }
}

/// What one member has to handle: its buckets, which change at certain sequences.
pub(crate) struct Share {
    /// In order; the last one that is not later than a sequence counts for it.
    spans: VecDeque<Span>,
}

impl Share {
    /// Nothing.
    pub(crate) fn new() -> Self {
        Self { spans: VecDeque::new() }
    }

    /// From a sequence on the buckets are as in this table. `from` is not below that of any earlier call.
    pub(crate) fn change(&mut self, from: u64, table: &Table, member: MemberId) {
        debug_assert!(self.spans.back().is_none_or(|last| last.from <= from));
        self.spans.push_back(Span::new(from, table, member));
    }

    /// Sequences are asked for in order, beginning here; what is before is forgotten.
    #[inline(always)]
    pub(crate) fn walk_from(&mut self, first: u64) -> Walk<'_> {
        while self.spans.get(1).is_some_and(|next| next.from <= first) {
            self.spans.pop_front();
        }
        Walk {
            spans: &self.spans,
            next: 0,
            limit: self.spans.front().map_or(u64::MAX, |span| span.from),
        }
    }
}

/// A walk along the sequences.
pub(crate) struct Walk<'a> {
    spans: &'a VecDeque<Span>,
    /// The span that begins at `limit`.
    next: usize,
    /// Before this sequence the span before `next` counts.
    limit: u64,
}

impl Walk<'_> {
    /// Whether the message of this sequence, whose key has this hash, is the member's.
    #[inline(always)]
    pub(crate) fn owns(&mut self, sequence: u64, hash: u64) -> bool {
        if sequence >= self.limit {
            self.advance(sequence);
        }
        self.next.checked_sub(1).is_some_and(|at| self.spans[at].has(hash))
    }

    #[cold]
    fn advance(&mut self, sequence: u64) {
        while sequence >= self.limit {
            self.next += 1;
            self.limit = self.spans.get(self.next).map_or(u64::MAX, |span| span.from);
        }
    }
}

#[cfg(all(test, not(stentor_loom)))]
mod tests {
    use super::{BUCKETS, MemberId, Share, Table};

    fn sizes(table: &Table, members: &[MemberId]) -> Vec<usize> {
        let size = |member| table.0.iter().filter(|owner| **owner == Some(member)).count();
        members.iter().copied().map(size).collect()
    }

    #[test]
    fn parts_are_alike_and_move_only_to_who_comes_and_from_who_goes() {
        let members: Vec<MemberId> = (0..8).collect();
        let table = members.iter().fold(Table::new(), |table, member| table.with(*member));
        let sizes_before = sizes(&table, &members);
        assert_eq!(sizes_before.iter().sum::<usize>(), BUCKETS);
        assert!(sizes_before.iter().all(|size| (400..=624).contains(size)), "{sizes_before:?}");
        let more = table.with(8);
        for (before, after) in table.0.iter().zip(&more.0) {
            assert!(after == before || *after == Some(8));
        }
        let less = more.without(3, &[0, 1, 2, 4, 5, 6, 7, 8]);
        for (before, after) in more.0.iter().zip(&less.0) {
            assert!(if *before == Some(3) { *after != Some(3) } else { after == before });
        }
        assert_eq!(less.0, (0..9).filter(|m| *m != 3).fold(Table::new(), |t, m| t.with(m)).0);
    }

    #[test]
    fn a_walk_changes_spans_where_they_begin() {
        let (nobody, mine) = (Table::new(), Table::new().with(1));
        let mut share = Share::new();
        share.change(5, &mine, 1);
        share.change(8, &nobody, 1);
        share.change(8, &mine, 1);
        share.change(10, &nobody, 1);
        let mut walk = share.walk_from(3);
        let owned: Vec<u64> = (3..13).filter(|sequence| walk.owns(*sequence, 42)).collect();
        assert_eq!(owned, [5, 6, 7, 8, 9]);
        let mut walk = share.walk_from(8);
        assert!(walk.owns(8, 42) && !walk.owns(10, 42));
        assert!(!share.walk_from(11).owns(11, 42));
    }
}
