package main

// The metrics of the storage table that the speed table does not have.
const (
	mIdleEach    = "bytes per idle partition"
	mToOne       = "CPU/batch to one partition's"
	mAnswerClean = "answers after a clean stop s"
	mAnswerKill  = "answers after kill -9 s"
	mDelete      = "delete s"
	mSpaceBack   = "space back s"
	mAsyncRate   = "rec/s, async"
	mAsyncPer    = "us CPU/batch, async"
	mToAsync     = "sync to async"
	mLeft        = "records left"
	mCleanCPU    = "CPU s, dirty to clean"
	mCleanTime   = "s, dirty to clean"
	mGrown       = "memory grown MiB"
	mFill        = "fill s"
	mLog         = "GB in the log"
	mOnDisk      = "GB on the disk"
	mLive        = "GB live"
	mSpace       = "space amplification, mean"
	mSpaceMost   = "space amplification, most"
	mAppended    = "GB appended"
	mWrites      = "write amplification of relocation"
	mCleaned     = "bytes written by compaction to appended"

	mSoakAnon       = "anon, later in the long life to earlier"
	mSoakAnonLives  = "anon, last life to third at its age"
	mSoakSlope      = "anon, MiB an hour"
	mSoakFiles      = "descriptors, later in the long life to earlier"
	mSoakFilesLives = "descriptors, last life to third at its age"
	mSoakFilesSlope = "descriptors, more an hour"
	mSoakGo         = "goroutines, later in the long life to earlier"
	mSoakGoLives    = "goroutines, last life to third at its age"
	mSoakGoSlope    = "goroutines, more an hour"
	mChecked        = "acknowledged records checked"
	mDue            = "% appended of what was due, least"
	mMinutes        = "minutes"
)

// flatMost is how much larger what is flat may be later than earlier.
const flatMost = 1.15

// slopeMost is by how much what is flat may grow in an hour: MiB, descriptors or
// goroutines. A quotient sees no leak that is slow beside what there is.
const slopeMost = 20

// soakMinutes is how long a soak has to be to show anything.
const soakMinutes = 60

// storageMetrics are they in the order of the table.
func storageMetrics() []string {
	return []string{
		mIdleEach, mToOne, mAnswerClean, mAnswerKill, mDelete, mSpaceBack,
		mAsyncRate, mAsyncPer, mToAsync,
		mLeft, mCleanCPU, mCleanTime, mGrown, mFill, mLog, mOnDisk, mLive, mSpace, mSpaceMost, mAppended, mWrites, mCleaned,
		mMinutes, mDue, mChecked, mSoakAnon, mSoakAnonLives, mSoakSlope, mSoakFiles, mSoakFilesLives, mSoakFilesSlope, mSoakGo, mSoakGoLives, mSoakGoSlope,
	}
}

func storageGoals() []goal {
	return []goal{
		{row: "spread10000", metric: mToOne, rule: atMost, by: 1.1},
		{row: "spread10000", metric: mPeakAnon, rule: atMost, by: 150},
		{row: "spread10000", metric: mCreate, rule: atMost, by: 1},
		{row: "spread100000", metric: mToOne, rule: atMost, by: 1.2},
		{row: "spread100000", metric: mPeakAnon, rule: atMost, by: 300},
		// Above the broker without them, all of its tables and garbage included.
		{row: "spread100000", metric: mIdleEach, rule: atMost, by: 1024},
		{row: "spread100000", metric: mCreate, rule: atMost, by: 10},
		{row: "spread100000", metric: mAnswerClean, rule: atMost, by: 5},
		{row: "spread100000", metric: mAnswerKill, rule: atMost, by: 10},
		{row: "spread100000", metric: mFiles, rule: atMost, by: 4999},
		{row: "syncasync", metric: mToAsync, rule: atLeast, by: 0.8},
		{row: "coldbacklog", metric: withReaders(1, "ack p99 to quiet"), rule: atMost, by: 1.5},
		{row: "coldbacklog", metric: withReaders(1, "tail p99 to quiet"), rule: atMost, by: 1.5},
		{row: "coldbacklog", metric: withReaders(4, "ack p99 to quiet"), rule: atMost, by: 1.5},
		{row: "coldbacklog", metric: withReaders(4, "tail p99 to quiet"), rule: atMost, by: 1.5},
		{row: "coldbacklog16k", metric: withReaders(1, "ack p99 to quiet"), rule: atMost, by: 1.5},
		{row: "coldbacklog16k", metric: withReaders(1, "tail p99 to quiet"), rule: atMost, by: 1.5},
		{row: "coldbacklog16k", metric: withReaders(4, "ack p99 to quiet"), rule: atMost, by: 1.5},
		{row: "coldbacklog16k", metric: withReaders(4, "tail p99 to quiet"), rule: atMost, by: 1.5},
		{row: "recovery20g", metric: mAnswerKill, rule: atMost, by: 2},
		{row: "recovery1t", metric: mAnswerKill, rule: atMost, by: 2},
		{row: "compaction", metric: mCleanCPU, rule: timesAtMost, by: 1.5},
		{row: "compaction", metric: mGrown, rule: atMost, by: 64},
		{row: "amplification", metric: mSpace, rule: atMost, by: 1.7},
		{row: "amplification", metric: mWrites, rule: atMost, by: 1.5},
		// A round with a record lost or doubled, or a wrong commit, fails as a whole.
		{row: "soak", metric: mMinutes, rule: atLeast, by: soakMinutes},
		{row: "soak", metric: mDue, rule: atLeast, by: 95},
		{row: "soak", metric: mSoakSlope, rule: atMost, by: slopeMost},
		{row: "soak", metric: mSoakFilesSlope, rule: atMost, by: slopeMost},
		{row: "soak", metric: mSoakGoSlope, rule: atMost, by: slopeMost},
		{row: "soak", metric: mSoakAnon, rule: atMost, by: flatMost},
		{row: "soak", metric: mSoakAnonLives, rule: atMost, by: flatMost},
		{row: "soak", metric: mSoakFiles, rule: atMost, by: flatMost},
		{row: "soak", metric: mSoakFilesLives, rule: atMost, by: flatMost},
		{row: "soak", metric: mSoakGo, rule: atMost, by: flatMost},
		{row: "soak", metric: mSoakGoLives, rule: atMost, by: flatMost},
		{row: "soak", metric: mSpace, rule: atMost, by: 1.7},
	}
}
