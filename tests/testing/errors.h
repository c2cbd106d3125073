#pragma once

#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/error.h"

namespace headrace {

// The Error that `action` throws. Fails the test where it throws nothing or something else.
template <typename Action>
Error error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& other) {
    ADD_FAILURE() << "expected an Error, found another exception: " << other.what();
    return Error(ErrorCode::kIo, "");
  }
  ADD_FAILURE() << "expected an Error, none was thrown";
  return Error(ErrorCode::kIo, "");
}

// Expects that `action` throws an Error of that code whose message holds each of `words`; returns
// it.
template <typename Action>
Error expect_error(ErrorCode code, std::initializer_list<std::string_view> words, Action&& action) {
  Error error = error_of(action);
  const std::string message = error.what();
  EXPECT_STREQ(error_code_name(error.code()), error_code_name(code)) << message;
  for (const std::string_view word : words) {
    EXPECT_NE(message.find(word), std::string::npos)
        << "the message does not say \"" << word << "\": " << message;
  }
  return error;
}

}  // namespace headrace
