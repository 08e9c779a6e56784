//! The memory of C. A pointer type of this module can only come in through a call from C (or inside a
//! structure that C passed), so what C promises about its arguments holds for it: it is null, or it
//! points to as much memory as the call says and nobody else touches that until the call returns.
//! Null is answered with `EFAULT` and nothing here needs alignment, so the rest of the library is safe code.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use bytes::Bytes;
use glasstack::drill::host::Errno;

use crate::world::World;

/// The first argument of every function: which host.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct User(*const c_void);

impl User {
    /// Hands a host to C, until [`User::take`].
    pub(crate) fn of(world: Arc<World>) -> Self {
        User(Arc::into_raw(world).cast())
    }

    /// The host, kept alive while the call lasts: another thread may free it meanwhile.
    pub(crate) fn world(self) -> Result<Arc<World>, Errno> {
        if self.0.is_null() {
            return Err(Errno::EFAULT);
        }
        let world: *const World = self.0.cast();
        // SAFETY: it is what `of` made, and C has not freed it yet; so one owner is left to copy.
        unsafe {
            Arc::increment_strong_count(world);
            Ok(Arc::from_raw(world))
        }
    }

    /// Takes the host back from C, which does not use it again.
    pub(crate) fn take(self) -> Option<Arc<World>> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: it is what `of` made, and C frees it once.
        Some(unsafe { Arc::from_raw(self.0.cast()) })
    }
}

/// Where C has put something to read.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct In<T>(*const T);

impl<T: Copy> In<T> {
    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// What is there. `T` is plain data, good with any octets.
    pub(crate) fn read(self) -> Result<T, Errno> {
        self.item(0)
    }

    /// So many of them in a row.
    pub(crate) fn items(self, count: usize) -> Result<Vec<T>, Errno> {
        (0..count).map(|index| self.item(index)).collect()
    }

    fn item(self, index: usize) -> Result<T, Errno> {
        if self.0.is_null() {
            return Err(Errno::EFAULT);
        }
        // SAFETY: not null, so C promises a `T` at each place that it counts.
        Ok(unsafe { self.0.wrapping_add(index).read_unaligned() })
    }

    /// The same place, as something else.
    pub(crate) fn cast<U>(self) -> In<U> {
        In(self.0.cast())
    }
}

impl In<u8> {
    /// A copy of so many octets.
    pub(crate) fn octets(self, len: usize) -> Result<Bytes, Errno> {
        match (len, isize::try_from(len)) {
            (0, _) => Ok(Bytes::new()),
            (_, Err(_)) => Err(Errno::EINVAL),
            _ if self.0.is_null() => Err(Errno::EFAULT),
            // SAFETY: not null, so C promises `len` octets, which fit into an object.
            _ => Ok(Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts(self.0, len) })),
        }
    }

    /// The text up to the final NUL.
    pub(crate) fn text(self) -> Result<String, Errno> {
        if self.0.is_null() {
            return Err(Errno::EFAULT);
        }
        // SAFETY: not null, so C promises a string that ends with a NUL.
        let text = unsafe { CStr::from_ptr(self.0.cast::<c_char>()) };
        Ok(text.to_string_lossy().into_owned())
    }
}

/// Where C wants something to be put.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    pub(crate) fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// Puts it there.
    pub(crate) fn write(self, value: T) -> Result<(), Errno> {
        self.write_item(0, value)
    }

    /// Puts them there in a row.
    pub(crate) fn write_items(self, items: impl IntoIterator<Item = T>) -> Result<(), Errno> {
        let mut items = items.into_iter().enumerate();
        items.try_for_each(|(index, item)| self.write_item(index, item))
    }

    fn write_item(&self, index: usize, value: T) -> Result<(), Errno> {
        if self.0.is_null() {
            return Err(Errno::EFAULT);
        }
        // SAFETY: not null, so C promises room for a `T` at each place that it counts.
        unsafe { self.0.wrapping_add(index).write_unaligned(value) };
        Ok(())
    }

    /// As it came, to pass on.
    pub(crate) fn as_raw(&self) -> *mut T {
        self.0
    }

    /// What is there now.
    pub(crate) fn as_in(&self) -> In<T> {
        In(self.0)
    }
}

impl Out<u8> {
    /// Puts octets there.
    pub(crate) fn octets(self, octets: &[u8]) -> Result<(), Errno> {
        if octets.is_empty() {
            return Ok(());
        }
        if self.0.is_null() {
            return Err(Errno::EFAULT);
        }
        // SAFETY: not null, so C promises room for what it asked for, and ours is no memory of C's.
        unsafe { ptr::copy_nonoverlapping(octets.as_ptr(), self.0, octets.len()) };
        Ok(())
    }
}

/// What a function of the interface returns: -1 is a failure, and `errno` says which.
pub(crate) trait Answer: Sized {
    /// -1.
    const FAILED: Self;
    /// From a number of the host's.
    fn from_number(number: i64) -> Self;
}

impl Answer for c_int {
    const FAILED: Self = -1;

    fn from_number(number: i64) -> Self {
        c_int::try_from(number).unwrap_or(c_int::MAX)
    }
}

impl Answer for isize {
    const FAILED: Self = -1;

    fn from_number(number: i64) -> Self {
        isize::try_from(number).unwrap_or(isize::MAX)
    }
}

/// Runs a function of the interface and tells its result as C expects it.
pub(crate) fn answer<A: Answer>(user: User, body: impl FnOnce(&World) -> Result<i64, Errno>) -> A {
    never_unwinding(|| match user.world().and_then(|world| body(&world)) {
        Ok(number) => A::from_number(number),
        Err(errno) => {
            errno.set();
            A::FAILED
        }
    })
}

/// Runs `body`; a panic, which has told its reason, ends the process: C cannot be unwound, and after a
/// broken invariant no answer is worth having.
pub(crate) fn never_unwinding<R>(body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        eprintln!("libpacketdrill.so: this is a bug in glasstack");
        std::process::abort()
    })
}
