/**
 * Time for one test of the end-to-end tier, unless it states its own: a real cluster answers in seconds, a busy
 * machine takes its time.
 */
import { jest } from "@jest/globals";

jest.setTimeout(120_000);
