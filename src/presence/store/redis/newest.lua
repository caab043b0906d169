-- The entries of a user in the change log are a list: the state ends with the id of the newest one, as its member "h", and the
-- name of an entry's field is the id of the user's entry before. If there is none, the field is called "change".

-- The id that a state ends with; nil for none.
local function newest_change(state)
  -- The longest such end: an id is two numbers of up to 20 digits.
  return string.match(string.sub(state, -49), ',"h":"(%d+%-%d+)"}$')
end
