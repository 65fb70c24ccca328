// Package java plays the scenarios of clients/everyday with the Java client, one source
// (testdata/Everyday.java) with the jars of each version.
package java
