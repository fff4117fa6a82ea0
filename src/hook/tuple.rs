//! Tuples of hooks: in on the way in, reversed on the way out.

use std::any::Any;

use crate::broker::Rejection;
use crate::envelope::{MessageEnvelope, MessageHeader};
use crate::hook::{Hook, Outcome};

/// Implements `Hook` for a tuple: the hooks in order, and the same in reverse.
macro_rules! tuple {
    ($($hook:ident $index:tt),+; $($reversed:tt),+) => {
        impl<M, $($hook: Hook<M>),+> Hook<M> for ($($hook,)+) {
            const DELIVERIES: bool = $($hook::DELIVERIES)||+;
            const OUTCOMES: bool = $($hook::OUTCOMES)||+;

            #[inline(always)]
            fn before_publish(&self, envelope: &mut MessageEnvelope<M>) -> Result<(), Rejection> {
                $(
                    if let Err(rejection) = self.$index.before_publish(envelope) {
                        LetOut::<M>::let_out(self, &envelope.metadata.header(), &rejection, $index);
                        return Err(rejection);
                    }
                )+
                Ok(())
            }

            #[inline(always)]
            fn after_publish(&self, header: &MessageHeader) {
                $(self.$reversed.after_publish(header);)+
            }

            #[inline(always)]
            fn on_reject(&self, header: &MessageHeader, rejection: &Rejection) {
                $(self.$reversed.on_reject(header, rejection);)+
            }

            #[inline(always)]
            fn on_deliver(&self, envelope: &MessageEnvelope<M>, subscription: &str) {
                $(self.$reversed.on_deliver(envelope, subscription);)+
            }

            #[inline(always)]
            fn on_outcome(&self, outcome: &Outcome<'_, M>) {
                $(self.$reversed.on_outcome(outcome);)+
            }

            fn each(&self, look: &mut dyn FnMut(&dyn Any)) {
                $(self.$index.each(look);)+
            }
        }

        impl<M, $($hook: Hook<M>),+> LetOut<M> for ($($hook,)+) {
            #[cold]
            fn let_out(&self, header: &MessageHeader, rejection: &Rejection, by: usize) {
                $(
                    if $reversed < by {
                        self.$reversed.on_reject(header, rejection);
                    }
                )+
            }
        }
    };
}

/// What a tuple does when one of its hooks rejects.
trait LetOut<M> {
    /// Tells the hooks before the one of index `by`, which have let the message pass.
    fn let_out(&self, header: &MessageHeader, rejection: &Rejection, by: usize);
}

tuple!(A 0; 0);
tuple!(A 0, B 1; 1, 0);
tuple!(A 0, B 1, C 2; 2, 1, 0);
tuple!(A 0, B 1, C 2, D 3; 3, 2, 1, 0);
tuple!(A 0, B 1, C 2, D 3, E 4; 4, 3, 2, 1, 0);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5; 5, 4, 3, 2, 1, 0);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6; 6, 5, 4, 3, 2, 1, 0);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7; 7, 6, 5, 4, 3, 2, 1, 0);
