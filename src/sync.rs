//! Floor 0: atomics, cells, locks and threads, from `std` or from loom.
//!
//! Everything above speaks loom's dialect (`UnsafeCell::with`), so the algorithms never mention the
//! model checker and the models check what ships. What loom cannot do has a stand-in *here*: the
//! copy-on-write pointer ([`ArcSwap`]), the channel ([`unbounded`]), time ([`Instant`]), unparking ([`Thread`]) and the
//! asymmetric fence ([`asymmetric`]).

pub(crate) mod asymmetric;

#[cfg(not(stentor_loom))]
pub(crate) use real::*;

#[cfg(not(stentor_loom))]
mod real {
    pub(crate) use arc_swap::ArcSwap;
    pub(crate) use crossbeam_channel::{Receiver, Sender, unbounded};
    pub(crate) use parking_lot::Mutex;
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
    };
    pub(crate) use std::thread::{
        Builder as ThreadBuilder, JoinHandle, Thread, current, park, park_timeout, yield_now,
    };
    pub(crate) use std::time::Instant;

    /// `std::cell::UnsafeCell` in loom's dialect.
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// A number that no other living thread has: the address of a thread-local byte.
    ///
    /// A thread that starts after another ended may be given its number; it is then also ordered
    /// after it, as any two users of recycled memory are.
    #[inline(always)]
    pub(crate) fn thread_token() -> usize {
        thread_local!(static TOKEN: u8 = const { 0 });
        TOKEN.with(|token| std::ptr::from_ref(token).addr())
    }
}

#[cfg(stentor_loom)]
pub(crate) use model::*;

#[cfg(stentor_loom)]
mod model {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence,
    };
    pub(crate) use loom::thread::yield_now;
    use std::cell::OnceCell;
    use std::collections::VecDeque;
    use std::time::Duration;

    /// A thread that can be unparked. Loom's own `unpark` wakes a thread from whatever it waits for, also a
    /// lock, which it then believes to have; this one wakes it from [`park`] alone.
    #[derive(Clone)]
    pub(crate) struct Thread {
        inner: loom::thread::Thread,
        token: std::sync::Arc<Token>,
    }

    /// What `unpark` leaves for `park`.
    struct Token {
        is_there: AtomicBool,
        /// Whether the thread is in loom's `park` at this moment; not part of the model.
        is_parked: std::sync::atomic::AtomicBool,
    }

    impl Token {
        fn new() -> std::sync::Arc<Self> {
            let is_parked = std::sync::atomic::AtomicBool::new(false);
            std::sync::Arc::new(Self { is_there: AtomicBool::new(false), is_parked })
        }
    }

    loom::thread_local!(static TOKEN: OnceCell<std::sync::Arc<Token>> = OnceCell::new());

    fn own_token() -> std::sync::Arc<Token> {
        TOKEN.with(|token| std::sync::Arc::clone(token.get_or_init(Token::new)))
    }

    pub(crate) fn current() -> Thread {
        Thread { inner: loom::thread::current(), token: own_token() }
    }

    impl Thread {
        pub(crate) fn unpark(&self) {
            self.token.is_there.swap(true, Ordering::AcqRel);
            if self.token.is_parked.swap(false, Ordering::Relaxed) {
                self.inner.unpark();
            }
        }
    }

    pub(crate) fn park() {
        let token = own_token();
        // Loom switches threads before an operation of the model, so not between this swap and the parking.
        if !token.is_there.swap(false, Ordering::AcqRel) {
            token.is_parked.store(true, Ordering::Relaxed);
            loom::thread::park();
            token.is_parked.store(false, Ordering::Relaxed);
            token.is_there.swap(false, Ordering::AcqRel);
        }
    }

    /// Loom's builder, for threads that can be unparked.
    pub(crate) struct ThreadBuilder(loom::thread::Builder);

    impl ThreadBuilder {
        pub(crate) fn new() -> Self {
            Self(loom::thread::Builder::new())
        }

        pub(crate) fn name(self, name: String) -> Self {
            Self(self.0.name(name))
        }

        pub(crate) fn spawn<R: Send + 'static>(
            self,
            f: impl FnOnce() -> R + Send + 'static,
        ) -> std::io::Result<JoinHandle<R>> {
            let token = Token::new();
            let own = std::sync::Arc::clone(&token);
            let inner = self.0.spawn(move || {
                TOKEN.with(|token| token.set(own)).unwrap_or_else(|_| unreachable!("a new thread"));
                f()
            })?;
            let thread = Thread { inner: inner.thread().clone(), token };
            Ok(JoinHandle { inner, thread })
        }
    }

    pub(crate) struct JoinHandle<R> {
        inner: loom::thread::JoinHandle<R>,
        thread: Thread,
    }

    impl<R> JoinHandle<R> {
        pub(crate) fn join(self) -> std::thread::Result<R> {
            self.inner.join()
        }

        pub(crate) fn thread(&self) -> &Thread {
            &self.thread
        }
    }

    /// Loom has no time: a timed park is a chance for the others to run.
    pub(crate) fn park_timeout(_: Duration) {
        yield_now();
    }

    /// Loom's mutex with `parking_lot`'s signatures.
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }

        pub(crate) fn try_lock(&self) -> Option<loom::sync::MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }
    }

    /// A stand-in for the unbounded channel: a queue behind loom's lock, with as much of
    /// `crossbeam-channel`'s signatures as is used.
    pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
        let queue = Arc::new(Mutex::new(Some(VecDeque::new())));
        (Sender(Arc::clone(&queue)), Receiver(queue))
    }

    /// The messages, until the receiver is gone.
    type Queue<T> = Arc<Mutex<Option<VecDeque<T>>>>;

    pub(crate) struct Sender<T>(Queue<T>);

    impl<T> Sender<T> {
        pub(crate) fn send(&self, message: T) -> Result<(), T> {
            match &mut *self.0.lock() {
                Some(queue) => {
                    queue.push_back(message);
                    Ok(())
                }
                None => Err(message),
            }
        }
    }

    pub(crate) struct Receiver<T>(Queue<T>);

    impl<T> Receiver<T> {
        pub(crate) fn try_recv(&self) -> Result<T, ()> {
            self.0.lock().as_mut().and_then(VecDeque::pop_front).ok_or(())
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            let left = self.0.lock().take();
            drop(left);
        }
    }

    /// Time that has always run out, so that every wait goes straight to the parking it models.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub(crate) struct Instant;

    impl Instant {
        pub(crate) fn now() -> Self {
            Self
        }

        pub(crate) fn elapsed(&self) -> Duration {
            Duration::MAX
        }

        pub(crate) fn checked_add(&self, _: Duration) -> Option<Self> {
            None
        }

        pub(crate) fn saturating_duration_since(&self, _: Self) -> Duration {
            Duration::MAX
        }
    }

    /// The copy-on-write pointer, as weak as `arc-swap` promises to be: an append-only list of
    /// versions (outside the model) and one modelled index that says which of them is current.
    pub(crate) struct ArcSwap<T> {
        versions: std::sync::Mutex<Vec<std::sync::Arc<T>>>,
        current: AtomicUsize,
    }

    impl<T> ArcSwap<T> {
        pub(crate) fn from_pointee(value: T) -> Self {
            Self {
                versions: std::sync::Mutex::new(vec![std::sync::Arc::new(value)]),
                current: AtomicUsize::new(0),
            }
        }

        pub(crate) fn load(&self) -> std::sync::Arc<T> {
            let current = self.current.load(Ordering::Acquire);
            std::sync::Arc::clone(&self.versions.lock().unwrap()[current])
        }

        /// Callers hold a lock of their own, as `arc-swap`'s writers here do.
        pub(crate) fn store(&self, value: std::sync::Arc<T>) {
            let next = {
                let mut versions = self.versions.lock().unwrap();
                versions.push(value);
                versions.len() - 1
            };
            self.current.swap(next, Ordering::AcqRel);
        }
    }

    /// A number that no other thread of this execution has.
    pub(crate) fn thread_token() -> usize {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);
        loom::thread_local!(
            static TOKEN: usize = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
        );
        TOKEN.with(|token| *token)
    }
}
